import type { ComponentChildren, VNode } from 'preact'

import { type ApiError, isQuorumLost } from '../api/client.ts'
import type { Resource } from '../api/resource.ts'
import { Notice } from './state.tsx'

/** A place where something will be. */
export const Bones = ({ lines = 4 }: { lines?: number }): VNode => (
  <div class="bones" role="status" aria-label="Loading">
    {Array.from({ length: lines }, (_, line) => (
      <span key={line} />
    ))}
  </div>
)

export interface BlankProps {
  readonly title: string
  readonly children?: ComponentChildren
}

/** There is nothing here, and what to do about it. */
export const Blank = ({ title, children }: BlankProps): VNode => (
  <div class="blank">
    <h2>{title}</h2>
    {children}
  </div>
)

/** Why something cannot be shown, and whether that will pass. */
export function Failed({ error, retry }: { error: ApiError; retry?: () => void }): VNode {
  return (
    <Notice tone={isQuorumLost(error) || error.status === 0 ? 'warn' : 'bad'}>
      <p>
        <strong>{titleOf(error)}</strong>
      </p>
      <p>{explanationOf(error)}</p>
      {retry !== undefined && (
        <p>
          <button type="button" class="button" onClick={retry}>
            Try again
          </button>
        </p>
      )}
    </Notice>
  )
}

const titleOf = (error: ApiError): string => {
  if (error.status === 0) return 'This peer does not answer'
  return isQuorumLost(error) ? 'No majority can be reached' : 'This cannot be shown'
}

const explanationOf = (error: ApiError): string => {
  if (error.status === 0)
    return 'The page goes on by itself as soon as the peer is back. What you see may be outdated.'
  if (isQuorumLost(error))
    return `Voters of the group that has this are missing. Nothing is lost; it goes on when a majority is back. (${error.code})`
  return `${error.message} (${error.code})`
}

export interface ShownProps<Value> {
  readonly of: Resource<Value>
  readonly lines?: number
  readonly children: (value: Value) => ComponentChildren
}

/** What a resource holds, or why it does not; both when what it holds has become old. */
export function Shown<Value>({ of, lines = 4, children }: ShownProps<Value>): VNode {
  const { value, error, refresh } = of
  if (value === undefined)
    return error === undefined ? <Bones lines={lines} /> : <Failed error={error} retry={refresh} />
  return (
    <>
      {error !== undefined && <Failed error={error} />}
      {children(value)}
    </>
  )
}
