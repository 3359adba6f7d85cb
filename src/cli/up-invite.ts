/**
 * How peers that are started together, by a machine and not by people, become one network.
 *
 * One of them makes it: the only one without an invite, or the one that `founder` names among peers
 * with the same settings. It keeps an invite in its `invite-file`, or somebody has it made by
 * `holdfast invite`. The others are told a `join-file` and wait until there is something in it. They
 * never make a network, so that a file that comes late, or never, does not leave two networks.
 *
 * An invite in the file comes first: a founder that has lost its directory does not found again
 * beside those who wait for it, but fails to join, and says so.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

import { HoldfastError } from '../base/errors.ts'
import type { HoldfastNode, Log, NodeOptions } from '../index.ts'
import { invalid, type Settings } from './settings.ts'

/** How often a file that is not there is looked for. */
const LOOK_MS = 500
/** The invite in the file is renewed long before it expires, so that nobody comes too late. */
const KEPT = { uses: 1000, expiresInMs: 86_400_000 } as const
const RENEW_MS = 43_200_000
const TOKEN_CHARS_MAX = 4096

/** @throws {HoldfastError} `CONFIG_INVALID`: an invite and a file with one, or a founder of nothing */
export function whereToJoin(settings: Settings, log: Log): NodeOptions['join'] {
  const { join, founder, name = hostname() } = settings
  const file = settings['join-file']
  if (file === undefined) {
    if (founder === undefined) return join
    throw invalid('founder', 'it says who does not wait for the join-file, and there is none')
  }
  if (join !== undefined) throw invalid('join-file', 'there is an invite already, by join')
  return signal => waitForInvite({ file, mayFound: name === founder, log, signal })
}

interface Waiting {
  readonly file: string
  /** Makes a network rather than wait. */
  readonly mayFound: boolean
  readonly log: Log
  readonly signal: AbortSignal
}

/** The invite in the file, once there is one; undefined for who is to make the network. */
async function waitForInvite({
  file,
  mayFound,
  log,
  signal,
}: Waiting): Promise<string | undefined> {
  for (let hasSaid = false; ; hasSaid = true) {
    const token = await inviteIn(file)
    if (token !== undefined || mayFound) return token
    if (!hasSaid) log.info('waiting for an invite', { file })
    await sleep(LOOK_MS, undefined, { signal })
  }
}

/** @throws {HoldfastError} `FILE_FORBIDDEN`, `CONFIG_INVALID` */
async function inviteIn(file: string): Promise<string | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    if (text.length > TOKEN_CHARS_MAX) throw invalid('join-file', `${file} is no invite`)
    return text === '' ? undefined : text
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (cause instanceof HoldfastError) throw cause
    throw new HoldfastError(
      `Cannot use ${file}: ${message}`,
      { code: 'FILE_FORBIDDEN', path: file, operation: 'read' },
      { cause },
    )
  }
}

/** Keeps an invite that is good in a file of the owner alone, as long as the peer runs. */
export async function keepInvite(
  node: HoldfastNode,
  { file, log, signal }: Pick<Waiting, 'file' | 'log' | 'signal'>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (!node.status().isAuthority) return
      await putInvite(file, await node.invite(KEPT))
      log.info('keeping an invite', { file })
    } catch (error) {
      // The peer serves those who are in; who wants to come in sees the last invite or none.
      log.error('cannot keep an invite', { file, reason: String(error) })
    }
    await sleep(RENEW_MS, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

/** Whole or not at all: the others look for it all the time. */
async function putInvite(file: string, token: string): Promise<void> {
  const path = `${file}.tmp`
  await rm(path, { force: true })
  await writeFile(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
  await rename(path, file)
}
