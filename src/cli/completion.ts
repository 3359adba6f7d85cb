import type { CommandShape } from './completion-command.ts'

/**
 * Scripts by which shells complete what the program can be told: commands, their commands, options;
 * and files, where neither fits. Made from the table of commands, so that they never fall behind.
 */
export const shells = ['bash', 'zsh', 'fish'] as const

export function completionScript(shell: (typeof shells)[number], program: CommandShape): string {
  switch (shell) {
    case 'bash':
      return bash(program)
    case 'zsh':
      return zsh(program)
    case 'fish':
      return fish(program)
  }
}

const wordsOf = ({ commands, options }: CommandShape): string =>
  [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)].join(' ')

/** Each command by its path, `kv` as `kv get`. */
const flat = ({ commands }: CommandShape): readonly { path: string; command: CommandShape }[] =>
  commands.flatMap(command => [
    { path: command.name, command },
    ...command.commands.map(each => ({ path: `${command.name} ${each.name}`, command: each })),
  ])

function bash(program: CommandShape): string {
  const nested = program.commands.filter(({ commands }) => commands.length > 0)
  const cases = flat(program).map(
    ({ path, command }) => `    '${path}') words='${wordsOf(command)}' ;;`,
  )
  return `# bash completion of ${program.name}
_${program.name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} path=\${COMP_WORDS[1]} words
  case $path in
    ${nested.map(({ name }) => name).join('|')}) [ "$COMP_CWORD" -gt 2 ] && path="$path \${COMP_WORDS[2]}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && path=
  case $path in
    '') words='${wordsOf(program)}' ;;
${cases.join('\n')}
    *) words= ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _${program.name} ${program.name}
`
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** `_describe` takes name and description parted by a colon. */
const described = (name: string, text: string): string =>
  quoted(`${name}:${text.replaceAll(':', '\\:')}`)

const listOf = ({ commands, options }: CommandShape): string =>
  [
    ...commands.map(each => described(each.name, each.description)),
    ...options.map(({ flag, description }) => described(flag, description)),
  ].join(' ')

function zsh(program: CommandShape): string {
  const cases = flat(program).map(
    ({ path, command }) => `    ${quoted(path)}) choices=(${listOf(command)}) ;;`,
  )
  const nested = program.commands.filter(({ commands }) => commands.length > 0)
  return `#compdef ${program.name}
_${program.name}() {
  local line=$words[2]
  local -a choices
  case $line in
    ${nested.map(({ name }) => name).join('|')}) (( CURRENT > 3 )) && line="$line $words[3]" ;;
  esac
  (( CURRENT == 2 )) && line=
  case $line in
    '') choices=(${listOf(program)}) ;;
${cases.join('\n')}
  esac
  _describe '${program.name}' choices
  _files
}
compdef _${program.name} ${program.name}
`
}

function fish(program: CommandShape): string {
  const { name } = program
  const names = program.commands.map(each => each.name).join(' ')
  const none = `not __fish_seen_subcommand_from ${names}`
  const lines = program.commands.flatMap(command => [
    `complete -c ${name} -n ${quoted(none)} -a ${command.name} -d ${quoted(command.description)}`,
    ...command.commands.map(
      each =>
        `complete -c ${name} -n ${quoted(`__fish_seen_subcommand_from ${command.name}`)} ` +
        `-a ${each.name} -d ${quoted(each.description)}`,
    ),
    ...optionLines(name, command.name, [command, ...command.commands]),
  ])
  return `# fish completion of ${name}\n${lines.join('\n')}\n`
}

/** Options of a command and of those in it, each once. */
function optionLines(
  program: string,
  command: string,
  shapes: readonly CommandShape[],
): readonly string[] {
  const options = new Map(
    shapes.flatMap(({ options: some }) => some).map(({ flag, description }) => [flag, description]),
  )
  return [...options].map(
    ([flag, description]) =>
      `complete -c ${program} -n ${quoted(`__fish_seen_subcommand_from ${command}`)} ` +
      `-l ${flag.slice(2)} -d ${quoted(description)}`,
  )
}
