import { Command, CommanderError } from 'commander'

import { authorityCommand } from './authority-command.ts'
import { bucketsCommand } from './buckets-command.ts'
import { completionCommand } from './completion-command.ts'
import { consoleCommand } from './console-command.ts'
import { decodeCommand } from './decode-command.ts'
import { encodeCommand } from './encode-command.ts'
import { eventsCommand } from './events-command.ts'
import { EXIT_OK, EXIT_UNREAD, EXIT_USAGE, exitCodeOf } from './exit-codes.ts'
import { getCommand } from './get-command.ts'
import { hintFor } from './hints.ts'
import { idCommand } from './id-command.ts'
import { interruption, Interrupted } from './interruption.ts'
import { keysCommand } from './keys-command.ts'
import { kvCommand } from './kv-command.ts'
import { lsCommand } from './ls-command.ts'
import { banCommand, inviteCommand, renameCommand } from './member-commands.ts'
import { cpCommand, rmCommand } from './object-commands.ts'
import { placementCommand } from './placement-command.ts'
import { putCommand } from './put-command.ts'
import { rangesCommand } from './ranges-command.ts'
import { recoverCommand } from './recover-command.ts'
import { statCommand } from './stat-command.ts'
import { upCommand } from './up-command.ts'
import { drainCommand, rebalanceCommand, repairsCommand } from './upkeep-commands.ts'
import { clockCommand, groupsCommand, peersCommand, statusCommand } from './view-commands.ts'

/** Reads the arguments, runs the command they name, and returns the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const { signal, dispose } = interruption()
  // Whoever read what we print has seen enough, `head` for one. A peer goes on without readers.
  process.stdout.on('error', () => {
    if (args[0] !== 'up') process.exit(EXIT_UNREAD)
  })
  const program = createProgram(signal)
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(args, { from: 'user' })
    return EXIT_OK
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    if (signal.aborted && signal.reason instanceof Interrupted) return signal.reason.exitCode
    console.error(`holdfast: ${error instanceof Error ? error.message : String(error)}`)
    const hint = hintFor(error)
    if (hint !== undefined) console.error(`          ${hint}`)
    return exitCodeOf(error)
  } finally {
    dispose()
  }
}

export function createProgram(signal: AbortSignal): Command {
  const program = new Command('holdfast')
    .description('A peer-to-peer, erasure-coded storage network')
    .option('-V, --version', 'print the version')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')),
    })
    .enablePositionalOptions()
    .exitOverride()
  // Commands inherit their program's settings only if they are made by it.
  const add = (name: string, fill: (command: Command, signal: AbortSignal) => void): void =>
    fill(program.command(name), signal)
  program.commandsGroup('Files:')
  add('put', putCommand)
  add('get', getCommand)
  add('ls', lsCommand)
  add('rm', rmCommand)
  add('cp', cpCommand)
  add('stat', statCommand)
  add('buckets', bucketsCommand)
  program.commandsGroup('Peers and network:')
  add('up', upCommand)
  add('id', idCommand)
  add('invite', inviteCommand)
  add('ban', banCommand)
  add('rename', renameCommand)
  add('console', consoleCommand)
  add('authority', authorityCommand)
  add('peers', peersCommand)
  add('status', statusCommand)
  add('groups', groupsCommand)
  add('ranges', rangesCommand)
  add('clock', clockCommand)
  add('kv', kvCommand)
  add('keys', keysCommand)
  add('events', eventsCommand)
  program.commandsGroup('Keeping files whole:')
  add('placement', placementCommand)
  add('repairs', repairsCommand)
  add('drain', drainCommand)
  add('rebalance', rebalanceCommand)
  add('recover', recoverCommand)
  program.commandsGroup('Without a network:')
  add('encode', encodeCommand)
  add('decode', decodeCommand)
  completionCommand(program.command('completion'), program)
  return program
}
