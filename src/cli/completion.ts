/**
 * Shell completion: a description of the command line, and a script for each shell made from it. The scripts are static: pressing Tab runs no Node.
 */
import type { Command, Option } from 'commander'
import { SHELLS } from './shells.ts'
import type { Shell } from './shells.ts'

export interface OptionDescription {
  /** `--port`, `-p`. */
  readonly flags: readonly string[]
  readonly description: string
  /** What follows it: nothing, a path, one of some words, or free text. */
  readonly value: 'none' | 'path' | 'text' | readonly string[]
}

export interface CommandDescription {
  readonly name: string
  readonly description: string
  readonly options: readonly OptionDescription[]
  /** Words that its first argument can be. */
  readonly words: readonly string[]
  /** Its arguments are files or folders. */
  readonly takesPaths: boolean
  readonly commands: readonly CommandDescription[]
}

export function describeCommand(command: Command): CommandDescription {
  const options = command.options.map(option => ({
    flags: [option.long, option.short].filter(flag => flag !== undefined),
    description: option.description,
    value: valueOf(option),
  }))
  const help: OptionDescription = { flags: ['--help', '-h'], description: 'show what there is', value: 'none' }
  return {
    name: command.name(),
    description: command.description(),
    options: [...options, help],
    words: command.name() === 'completion' ? SHELLS : [],
    takesPaths: command.registeredArguments.some(argument => /^(path|folder)$/.test(argument.name())),
    commands: command.commands.map(describeCommand),
  }
}

function valueOf(option: Option): OptionDescription['value'] {
  if (option.argChoices !== undefined) return option.argChoices
  if (!option.required) return 'none'
  return /<(file|folder)>/.test(option.flags) ? 'path' : 'text'
}

export function completionScript(shell: Shell, program: CommandDescription): string {
  switch (shell) {
    case 'bash':
      return bashScript(program)
    case 'zsh':
      return zshScript(program)
    case 'fish':
      return fishScript(program)
  }
}

/** A command by the words that lead to it, such as `start` or `log dump`. */
interface NamedCommand {
  readonly words: string
  readonly command: CommandDescription
}

/** Every command and those under it. */
function allCommands({ commands }: CommandDescription, before = ''): NamedCommand[] {
  return commands.flatMap(command => {
    const words = before + command.name
    return [{ words, command }, ...allCommands(command, `${words} `)]
  })
}

function bashScript(program: CommandDescription): string {
  const flagsOf = (command: CommandDescription): string => command.options.flatMap(option => option.flags).join(' ')
  const namesOf = (command: CommandDescription): string[] => command.commands.map(each => each.name)
  const commands = allCommands(program)
  const values = commands.flatMap(({ words, command }) =>
    command.options.flatMap(({ flags, value }) => {
      if (value === 'none') return []
      const reply =
        value === 'path'
          ? 'compgen -f -- "$current"'
          : value === 'text'
            ? ':'
            : `compgen -W '${value.join(' ')}' -- "$current"`
      return flags.map(flag => `    '${words}:${flag}') COMPREPLY=($(${reply})); return ;;`)
    }),
  )
  const words = commands.map(({ words, command }) => {
    const offered = [...command.words, ...namesOf(command), flagsOf(command)].join(' ')
    const paths = command.takesPaths
      ? '[[ $current == -* ]] || { COMPREPLY=($(compgen -f -- "$current")); return; }; '
      : ''
    return `    '${words}') ${paths}COMPREPLY=($(compgen -W '${offered}' -- "$current")) ;;`
  })
  const nested = program.commands.filter(command => command.commands.length > 0).map(command => command.name)
  return `# bash completion of ottla: eval "$(ottla completion bash)"
_ottla() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W '${namesOf(program).join(' ')} help ${flagsOf(program)}' -- "$current"))
    return
  fi
  if [[ $COMP_CWORD -gt 2 && " ${nested.join(' ')} " == *" $verb "* ]]; then verb="$verb \${COMP_WORDS[2]}"; fi
  case "$verb:$previous" in
${values.join('\n')}
  esac
  case "$verb" in
${words.join('\n')}
    help) COMPREPLY=($(compgen -W '${namesOf(program).join(' ')}' -- "$current")) ;;
  esac
}
complete -o filenames -F _ottla ottla
`
}

function zshScript(program: CommandDescription): string {
  const quote = (text: string): string =>
    text.replaceAll("'", "'\\''").replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', '\\:')
  const specs = (command: CommandDescription): string[] => [
    ...command.options.flatMap(({ flags, description, value }) => {
      const after =
        value === 'none'
          ? ''
          : value === 'path'
            ? ':path:_files'
            : value === 'text'
              ? ':value:'
              : `:value:(${value.join(' ')})`
      const exclusive = flags.join(' ')
      return flags.map(flag => `'(${exclusive})${flag}[${quote(description)}]${after}'`)
    }),
    ...(command.words.length > 0 ? [`'1:word:(${command.words.join(' ')})'`] : []),
    ...(command.takesPaths ? [`'*:path:_files'`] : []),
  ]
  const offered = (command: CommandDescription): string =>
    command.commands.map(each => `'${each.name}:${quote(each.description)}'`).join(' ')
  const nested = program.commands.filter(command => command.commands.length > 0)
  const descents = nested.map(
    command => `  if [[ $verb == ${command.name} ]]; then
    if (( CURRENT == 2 )); then
      local -a verbs
      verbs=(${offered(command)})
      _describe command verbs
      return
    fi
    verb="$verb $words[2]"
    shift words
    (( CURRENT-- ))
  fi
`,
  )
  return `#compdef ottla
# zsh completion of ottla: ottla completion zsh > "\${fpath[1]}/_ottla"
_ottla() {
  if (( CURRENT == 2 )); then
    local -a verbs
    verbs=(${offered(program)} 'help:show what there is')
    _describe command verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
${descents.join('')}  case $verb in
${allCommands(program)
  .filter(({ command }) => command.commands.length === 0)
  .map(({ words, command }) => `    '${words}') _arguments ${specs(command).join(' ')} ;;`)
  .join('\n')}
  esac
}
if [[ $funcstack[1] == _ottla ]]; then _ottla; else compdef _ottla ottla; fi
`
}

function fishScript(program: CommandDescription): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = [
    '# fish completion of ottla: ottla completion fish > ~/.config/fish/completions/ottla.fish',
    'complete -c ottla -f',
  ]
  const option = ({ flags, description, value }: OptionDescription, condition: string): string => {
    const names = flags.map(flag => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')
    const after =
      value === 'none'
        ? ''
        : value === 'path'
          ? ' -r -F'
          : value === 'text'
            ? ' -x'
            : ` -x -a ${quote(value.join(' '))}`
    return `complete -c ottla -n ${quote(condition)} ${names} -d ${quote(description)}${after}`
  }
  for (const command of program.commands) {
    lines.push(`complete -c ottla -n __fish_use_subcommand -a ${command.name} -d ${quote(command.description)}`)
  }
  lines.push(`complete -c ottla -n __fish_use_subcommand -a help -d 'show what there is'`)
  for (const item of program.options) lines.push(option(item, '__fish_use_subcommand'))
  for (const { words, command } of allCommands(program)) {
    const seen = words.split(' ').map(word => `__fish_seen_subcommand_from ${word}`)
    const names = command.commands.map(each => each.name)
    // Options of a command that has others under it are offered until one of them is there.
    const condition = [
      ...seen,
      ...(names.length > 0 ? [`not __fish_seen_subcommand_from ${names.join(' ')}`] : []),
    ].join('; and ')
    if (command.words.length > 0)
      lines.push(`complete -c ottla -n ${quote(condition)} -a ${quote(command.words.join(' '))}`)
    for (const each of command.commands) {
      lines.push(`complete -c ottla -n ${quote(condition)} -a ${each.name} -d ${quote(each.description)}`)
    }
    if (command.takesPaths) lines.push(`complete -c ottla -n ${quote(condition)} -F`)
    for (const item of command.options) lines.push(option(item, condition))
  }
  return `${lines.join('\n')}\n`
}
