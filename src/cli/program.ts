import { Command, CommanderError } from 'commander'

import { decodeCommand } from './decode-command.ts'
import { encodeCommand } from './encode-command.ts'
import { EXIT_OK, EXIT_USAGE, exitCodeOf } from './exit-codes.ts'
import { interruption, Interrupted } from './interruption.ts'
import { kvCommand } from './kv-command.ts'
import { banCommand, inviteCommand } from './member-commands.ts'
import { recoverCommand } from './recover-command.ts'
import { upCommand } from './up-command.ts'
import { clockCommand, groupsCommand, peersCommand, statusCommand } from './view-commands.ts'

/** Reads the arguments, runs the command they name, and returns the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const { signal, dispose } = interruption()
  const program = createProgram(signal)
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(args, { from: 'user' })
    return EXIT_OK
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    if (signal.aborted && signal.reason instanceof Interrupted) return signal.reason.exitCode
    console.error(`holdfast: ${error instanceof Error ? error.message : String(error)}`)
    return exitCodeOf(error)
  } finally {
    dispose()
  }
}

function createProgram(signal: AbortSignal): Command {
  const program = new Command('holdfast')
    .description('A peer-to-peer, erasure-coded storage network')
    .option('-V, --version', 'print the version')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')),
    })
    .exitOverride()
  // Commands inherit their program's settings only if they are made by it.
  upCommand(program.command('up'), signal)
  inviteCommand(program.command('invite'), signal)
  banCommand(program.command('ban'), signal)
  peersCommand(program.command('peers'), signal)
  statusCommand(program.command('status'), signal)
  clockCommand(program.command('clock'), signal)
  groupsCommand(program.command('groups'), signal)
  kvCommand(program.command('kv'), signal)
  encodeCommand(program.command('encode'), signal)
  decodeCommand(program.command('decode'), signal)
  recoverCommand(program.command('recover'), signal)
  return program
}
