// What makes a shell ask `vxswitch complete` whenever Tab is pressed. The scripts know no word themselves: they hand over
// what has been typed, up to the cursor, and offer what comes back, with a space behind it unless a value follows.

/** By the name of the shell. The program is the one that was typed, be it a path. */
export const COMPLETION_SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# vxswitch completion bash
_vxswitch() {
  local line=\${COMP_LINE:0:COMP_POINT} words word breaks kept
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=\${words[-1]}
  mapfile -t COMPREPLY < <("$1" complete -- "\${words[@]:1}" 2>/dev/null)
  # What bash takes for a word begins behind the last = or : of ours, where those break words.
  breaks=\${COMP_WORDBREAKS//[^=:]/}
  if [[ -n $breaks ]]; then
    kept=\${word%"\${word##*[$breaks]}"}
    COMPREPLY=("\${COMPREPLY[@]#"$kept"}")
  fi
  [[ \${COMPREPLY[0]-} == *= ]] && compopt -o nospace
  return 0
}
complete -o default -F _vxswitch vxswitch
`,
  zsh: `#compdef vxswitch
# vxswitch completion zsh
_vxswitch() {
  local said
  local -a found
  said=$("$words[1]" complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  if [[ -z $said ]]; then
    _files
    return
  fi
  found=("\${(@f)said}")
  compadd -S '' -- \${(M)found:#*=}
  compadd -- \${found:#*=}
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then
  _vxswitch "$@"
else
  compdef _vxswitch vxswitch
fi
`,
  fish: `# vxswitch completion fish
function __vxswitch_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l found ($words[1] complete -- $words[2..-1] "$typed" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path "$typed"
    end
end
complete -c vxswitch -f -a '(__vxswitch_complete)'
`,
};
