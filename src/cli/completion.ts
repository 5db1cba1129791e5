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

function bashScript(program: CommandDescription): string {
  const flagsOf = (command: CommandDescription): string => command.options.flatMap(option => option.flags).join(' ')
  const values = program.commands.flatMap(command =>
    command.options.flatMap(({ flags, value }) => {
      if (value === 'none') return []
      const reply =
        value === 'path'
          ? 'compgen -f -- "$current"'
          : value === 'text'
            ? ':'
            : `compgen -W '${value.join(' ')}' -- "$current"`
      return flags.map(flag => `    ${command.name}:${flag}) COMPREPLY=($(${reply})); return ;;`)
    }),
  )
  const words = program.commands.map(
    command =>
      `    ${command.name}) COMPREPLY=($(compgen -W '${[...command.words, flagsOf(command)].join(' ')}' -- "$current")) ;;`,
  )
  return `# bash completion of ottla: eval "$(ottla completion bash)"
_ottla() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W '${program.commands.map(command => command.name).join(' ')} help ${flagsOf(program)}' -- "$current"))
    return
  fi
  case "$verb:$previous" in
${values.join('\n')}
  esac
  case "$verb" in
${words.join('\n')}
    help) COMPREPLY=($(compgen -W '${program.commands.map(command => command.name).join(' ')}' -- "$current")) ;;
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
  ]
  return `#compdef ottla
# zsh completion of ottla: ottla completion zsh > "\${fpath[1]}/_ottla"
_ottla() {
  if (( CURRENT == 2 )); then
    local -a verbs
    verbs=(${program.commands.map(command => `'${command.name}:${quote(command.description)}'`).join(' ')} 'help:show what there is')
    _describe command verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
${program.commands.map(command => `    ${command.name}) _arguments ${specs(command).join(' ')} ;;`).join('\n')}
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
  for (const command of program.commands) {
    const condition = `__fish_seen_subcommand_from ${command.name}`
    if (command.words.length > 0)
      lines.push(`complete -c ottla -n ${quote(condition)} -a ${quote(command.words.join(' '))}`)
    for (const item of command.options) lines.push(option(item, condition))
  }
  return `${lines.join('\n')}\n`
}
