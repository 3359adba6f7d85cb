import { Argument, type Command } from 'commander'

import { completionScript, shells } from './completion.ts'

/** `holdfast completion bash|zsh|fish` */
export function completionCommand(command: Command, program: Command): void {
  command
    .description('print what makes a shell complete commands and options')
    .addArgument(new Argument('<SHELL>').choices(shells))
    .addHelpText(
      'after',
      '\nbash  source <(holdfast completion bash)       in ~/.bashrc\n' +
        'zsh   source <(holdfast completion zsh)        in ~/.zshrc, after compinit\n' +
        'fish  holdfast completion fish | source        in ~/.config/fish/config.fish',
    )
    .action((shell: (typeof shells)[number]) => {
      process.stdout.write(completionScript(shell, describeCommand(program)))
    })
}

/** What completion needs to know of a command. */
export interface CommandShape {
  readonly name: string
  readonly description: string
  readonly options: readonly { readonly flag: string; readonly description: string }[]
  readonly commands: readonly CommandShape[]
}

function describeCommand(command: Command): CommandShape {
  return {
    name: command.name(),
    description: command.description(),
    options: [
      ...command.options.map(({ long, short, description }) => ({
        flag: long ?? short ?? '',
        description,
      })),
      { flag: '--help', description: 'say what can be told' },
    ],
    commands: command.commands.map(describeCommand),
  }
}
