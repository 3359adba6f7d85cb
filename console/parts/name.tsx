import type { VNode } from 'preact'

import { clip, shortId } from '../logic/format.ts'

/**
 * A name that somebody chose, who may be anybody: shown as text, in its own direction, and cut where
 * it would take up the page.
 */
export const Name = ({ text, charsMax = 120 }: { text: string; charsMax?: number }): VNode => (
  <bdi class="name" title={clip(text, 400)}>
    {clip(text, charsMax)}
  </bdi>
)

export interface PeerLike {
  readonly peer: string
  readonly name: string
}

/** A peer by its name, or by the end of its id while that is not known. */
export const PeerName = ({ peer, name }: PeerLike): VNode => (
  <bdi class="name" title={`${clip(name, 400)} ${peer}`}>
    {name === '' ? shortId(peer) : clip(name, 80)}
  </bdi>
)

export const peerText = ({ peer, name }: PeerLike): string =>
  name === '' ? shortId(peer) : clip(name, 80)
