import { Component, type ComponentChildren, type VNode } from 'preact'

import { Notice } from './state.tsx'

interface Caught {
  readonly problem: string | undefined
}

/** A page that fails takes nothing with it: the shell stays, and so does the way to other pages. */
export class Boundary extends Component<{ children: ComponentChildren }, Caught> {
  override state: Caught = { problem: undefined }

  static override getDerivedStateFromError(error: unknown): Caught {
    return { problem: error instanceof Error ? error.message : String(error) }
  }

  override render(): ComponentChildren {
    const { problem } = this.state
    return problem === undefined ? this.props.children : wrong(problem)
  }
}

const wrong = (problem: string): VNode => (
  <Notice tone="bad">
    <p>
      <strong>This page has a bug.</strong> The others still work. Loading the console anew may
      help.
    </p>
    <p class="wrap">{problem}</p>
  </Notice>
)
