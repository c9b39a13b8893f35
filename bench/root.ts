// Where the repository is: the benchmark runs from build/, two levels below it, whatever the working directory.

import { fileURLToPath } from "node:url";

/** The directory of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
