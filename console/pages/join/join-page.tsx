import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { InviteView } from '../../../src/gateway/console/views/actions.ts'
import { type ApiError, request } from '../../api/client.ts'
import { asApiError } from '../../api/resource.ts'
import { session } from '../../api/session.ts'
import { moment } from '../../logic/format.ts'
import { Copy } from '../../parts/copy.tsx'
import { Page, Panel } from '../../parts/panel.tsx'
import { Qr } from '../../parts/qr.tsx'
import { Failed } from '../../parts/shown.tsx'
import { Notice } from '../../parts/state.tsx'

const HOUR = 3_600_000
const expiries = { '1 hour': HOUR, '1 day': 24 * HOUR, '7 days': 168 * HOUR, '30 days': 720 * HOUR }

type Expiry = keyof typeof expiries

/** Lets others join: an invite, as a command to paste and as a QR code. */
export function JoinPage(): VNode {
  const role = useSignal<'full' | 'storage'>('full')
  const zone = useSignal('')
  const uses = useSignal(1)
  const expiry = useSignal<Expiry>('1 hour')
  const invite = useSignal<InviteView | undefined>(undefined)
  const failure = useSignal<ApiError | undefined>(undefined)
  const make = async (event: Event): Promise<void> => {
    event.preventDefault()
    failure.value = undefined
    const named = zone.value.trim()
    try {
      invite.value = await request<InviteView>('POST', '/api/v1/invites', {
        body: {
          role: role.value,
          uses: uses.value,
          expiresInMs: expiries[expiry.value],
          ...(named !== '' && { zone: named }),
        },
      })
    } catch (error) {
      failure.value = asApiError(error)
    }
  }
  const mayInvite = session.value?.isAuthority === true
  return (
    <Page title="Join" hint="Let another machine into this network">
      {!mayInvite && (
        <Notice tone="warn">
          This peer does not hold the key of the network, so it cannot invite. Open the console of
          the peer that made it.
        </Notice>
      )}
      <div class="grid" style={{ '--least': '340px' }}>
        <Panel title="Invite">
          <form class="stack" onSubmit={event => void make(event)}>
            <fieldset class="choices">
              <legend class="soft">Role</legend>
              <label>
                <input
                  type="radio"
                  name="role"
                  checked={role.value === 'full'}
                  onChange={() => (role.value = 'full')}
                />
                <span>
                  <strong>Full member</strong>
                  <span class="soft"> may vote, serves everything, can decrypt</span>
                </span>
              </label>
              <label>
                <input
                  type="radio"
                  name="role"
                  checked={role.value === 'storage'}
                  onChange={() => (role.value = 'storage')}
                />
                <span>
                  <strong>Storage member</strong>
                  <span class="soft"> only holds fragments, and can read none of them</span>
                </span>
              </label>
            </fieldset>
            <div class="grid" style={{ '--least': '140px' }}>
              <label class="field">
                <span>Zone (rack, house, provider)</span>
                <input
                  class="input"
                  maxLength={64}
                  placeholder="as the peer says"
                  value={zone}
                  onInput={event => (zone.value = event.currentTarget.value)}
                />
              </label>
              <label class="field">
                <span>How many may join by it</span>
                <input
                  class="input"
                  type="number"
                  min={1}
                  max={10_000}
                  required
                  value={uses}
                  onInput={event => (uses.value = event.currentTarget.valueAsNumber || 1)}
                />
              </label>
              <label class="field">
                <span>Good for</span>
                <select
                  class="input"
                  value={expiry}
                  onChange={event => (expiry.value = event.currentTarget.value as Expiry)}
                >
                  {Object.keys(expiries).map(name => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
              </label>
            </div>
            {failure.value !== undefined && <Failed error={failure.value} />}
            <div class="line">
              <button class="button" data-kind="main" type="submit" disabled={!mayInvite}>
                Make an invite
              </button>
            </div>
          </form>
        </Panel>
        {invite.value !== undefined && <Made invite={invite.value} />}
      </div>
    </Page>
  )
}

const Made = ({ invite }: { invite: InviteView }): VNode => (
  <Panel
    title="On the other machine"
    aside={<span class="soft">until {moment(new Date(invite.expiresAt))}</span>}
  >
    <div class="stack">
      <Copy text={invite.command} label="command that joins" />
      <p class="soft">
        Whoever has this can join as long as it is good. It is shown only now; nobody can read it
        again.
      </p>
      <Qr text={invite.command} label="QR code of the command" />
    </div>
  </Panel>
)
