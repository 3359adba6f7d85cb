import type { VNode } from 'preact'
import { useState } from 'preact/hooks'

import type { ApiError } from '../api/client.ts'
import { signIn } from '../api/session.ts'
import { Copy } from '../parts/copy.tsx'
import { Notice } from '../parts/state.tsx'

/** The way in: the link that `up` prints, or the token from the data directory. */
export function LoginPage({ failure }: { failure: ApiError | undefined }): VNode {
  const [token, type] = useState('')
  const [latest, refuse] = useState<ApiError | undefined>(undefined)
  const refused = latest ?? failure
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    refuse(await signIn({ token: token.trim() }))
    setBusy(false)
  }
  return (
    <div class="welcome">
      <main>
        <h1 class="line">
          <img src="/console/icon.svg" alt="" width="32" height="32" /> Holdfast
        </h1>
        {refused !== undefined && <Notice tone="bad">{sentenceOf(refused)}</Notice>}
        <form class="panel" onSubmit={event => void submit(event)}>
          <div class="body stack">
            <label class="field">
              <span>Admin token</span>
              <input
                class="input"
                type="password"
                autocomplete="current-password"
                required
                value={token}
                onInput={event => type(event.currentTarget.value)}
              />
            </label>
            <button class="button" data-kind="main" type="submit" disabled={isBusy}>
              {isBusy ? 'Signing in…' : 'Sign in'}
            </button>
            <p class="soft">
              <code>holdfast up</code> prints a link that signs you in once. The token is in the
              data directory of this peer:
            </p>
            <Copy text="cat holdfast-data/api-token" label="command that shows the token" />
          </div>
        </form>
      </main>
    </div>
  )
}

function sentenceOf({ status, message }: ApiError): string {
  if (status === 0) return 'This peer does not answer. Is it running?'
  if (status === 401) return 'That was not accepted: a link works once, and only for a while.'
  return message
}
