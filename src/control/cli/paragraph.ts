// Sentences as lines that fit a terminal of the usual width.

const COLUMNS = 80;

/** Breaks the text at its spaces, each line behind the indentation and ended; a word that is too long stands alone. */
export function paragraph(text: string, indentation = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indentation.length + longer.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].map((each) => `${indentation}${each}\n`).join("");
}
