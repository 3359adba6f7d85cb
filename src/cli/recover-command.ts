import { readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'

import type { Command } from 'commander'

import {
  applyPlan,
  inspectStore,
  type NetworkPlan,
  parsePlan,
  parseReport,
  planFromReports,
  recoveryPhrase,
  type StoreReport,
} from '../index.ts'

/** `holdfast recover inspect|plan|apply` */
export function recoverCommand(command: Command, signal: AbortSignal): void {
  command.description('go on after a majority of voters is lost for good; all peers stopped')
  command
    .command('inspect')
    .description('say what a stopped peer still has of each group')
    .argument('<DIR>', 'its data directory')
    .option('--json', 'print the report that `plan` reads')
    .action((directory: string, flags: { json?: boolean }) => inspect(directory, flags))
  command
    .command('plan')
    .description('choose the best survivor of each group; changes nothing')
    .argument('<REPORT...>', 'what `inspect --json` printed on every peer that is left')
    .requiredOption('-o, --out <FILE>', 'the plan to be written')
    .action((reports: string[], { out }: { out: string }) => plan(reports, out))
  command
    .command('apply')
    .description(
      'make the chosen survivor the only voter, let others begin anew. Acknowledged writes may be lost',
    )
    .argument('<DIR>', 'the data directory of a peer that is left; apply it to each')
    .argument('<PLAN>', 'what `plan` wrote')
    .option('--confirm <TEXT>', 'what would have to be typed')
    .action((directory: string, file: string, flags: { confirm?: string }) =>
      apply({ directory, file, confirm: flags.confirm, signal }),
    )
}

async function inspect(directory: string, { json }: { json?: boolean }): Promise<void> {
  const report = await inspectStore(directory)
  if (json === true) {
    console.log(JSON.stringify(report))
    return
  }
  console.log(`network ${report.network}, epoch ${report.epoch === '' ? 'none' : report.epoch}`)
  for (const { group, replica, term, last, commit, configuration, isDamaged } of report.survivors) {
    console.log(`group ${group}: ${replica}${isDamaged ? '  DAMAGED' : ''}`)
    console.log(`  term ${term}, log to ${last.index}/${last.term}, decided to ${commit}`)
    console.log(`  voters ${configuration.voters.join(', ')}`)
  }
}

async function plan(files: readonly string[], out: string): Promise<void> {
  const reports: StoreReport[] = []
  for (const file of files) reports.push(parseReport(await readFile(file, 'utf8')))
  const network = planFromReports(reports)
  await writeFile(out, `${JSON.stringify(network, undefined, 2)}\n`, { flag: 'wx' })
  tell(network)
}

interface Apply {
  readonly directory: string
  readonly file: string
  readonly confirm: string | undefined
  readonly signal: AbortSignal
}

async function apply({ directory, file, confirm, signal }: Apply): Promise<void> {
  const network = parsePlan(await readFile(file, 'utf8'))
  tell(network)
  const phrase = recoveryPhrase(network)
  if ((confirm ?? (await ask(phrase, signal))) !== phrase) {
    throw new RangeError(`not confirmed; nothing was changed. Type exactly: ${phrase}`)
  }
  for (const { group, replica } of await applyPlan(directory, network)) {
    if (replica === undefined) console.log(`group ${group}: what was here is gone, to begin anew`)
    else console.log(`group ${group}: ${replica} is its only voter now`)
  }
  console.log(`epoch ${network.epoch}. Apply the plan to every peer that is left, then start them.`)
}

/** Loud: whoever reads nothing else reads this. */
function tell({ groups, refused }: NetworkPlan): void {
  console.error(
    'THIS MAKES A NEW GROUP FROM WHAT IS LEFT. WRITES THAT WERE ACKNOWLEDGED MAY BE LOST.',
  )
  console.error('If the lost voters can be brought back, bring them back instead.')
  for (const { group, replica, last, lost, wiped, undecided } of groups) {
    console.error(`group ${group}: from ${replica}, log to ${last.index}/${last.term}`)
    console.error(`  lost for good: ${lost.join(', ')}`)
    if (wiped.length > 0) console.error(`  must begin anew: ${wiped.join(', ')}`)
    if (undecided > 0)
      console.error(`  ${undecided} entries nobody may have been told of become true`)
  }
  for (const { group, reason } of refused) console.error(`group ${group}: left alone, ${reason}`)
}

async function ask(phrase: string, signal: AbortSignal): Promise<string> {
  if (!process.stdin.isTTY) return ''
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await prompt.question(`Type "${phrase}" to go on: `, { signal })
  } finally {
    prompt.close()
  }
}
