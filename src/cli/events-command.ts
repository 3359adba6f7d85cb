import type { Command } from 'commander'

import { formatTime } from './format.ts'
import { dataOption } from './member-commands.ts'
import { parseBounded } from './parse.ts'
import { PeerClient } from './peer-client.ts'
import { printable } from './table.ts'
import { queryOf } from './target.ts'

const LINE_CHARS_MAX = 65_536

interface Flags {
  readonly data: string
  readonly follow?: boolean
  readonly limit: number
  readonly json?: boolean
}

type SeenEvent = { readonly id: string; readonly at: string; readonly type: string } & Readonly<
  Record<string, unknown>
>

/** `holdfast events [--follow]` */
export function eventsCommand(command: Command, signal: AbortSignal): void {
  command
    .description('what happened, as the running peer saw it')
    .option('-f, --follow', 'go on with what happens, until interrupted')
    .option('-n, --limit <N>', 'how many of the last', parseBounded(0, 1000), 50)
    .addOption(dataOption())
    .option('--json', 'print JSON, one line each')
    .action(async ({ data, follow = false, limit, json }: Flags) => {
      const client = await PeerClient.connect(data, signal)
      const query = queryOf({ recent: limit, follow: String(follow) })
      const stream = await client.open({
        method: 'GET',
        path: `/api/v1/events${query}`,
        isEndless: true,
      })
      for await (const event of eventsIn(stream))
        console.log(json === true ? JSON.stringify(event) : eventText(event))
    })
}

/** The data of server-sent events. */
export async function* eventsIn(stream: AsyncIterable<Uint8Array>): AsyncGenerator<SeenEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_CHARS_MAX) throw new Error('an event is too long')
    for (const line of lines)
      if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as SeenEvent
  }
}

/** What the line begins with, or nobody needs to read. */
const shownApart = ['id', 'at', 'type']

export function eventText(event: SeenEvent): string {
  const details = Object.entries(event)
    .filter(([key]) => !shownApart.includes(key))
    .map(([key, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      return `${key}=${printable(text)}`
    })
  return [formatTime(event.at), event.type, ...details].join('  ')
}
