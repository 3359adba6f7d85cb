import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Attempts } from '../../../src/gateway/console/attempts.ts'
import { IDLE_MS, LIFE_MS, LINK_MS, Sessions } from '../../../src/gateway/console/sessions.ts'

function scene(): { sessions: Sessions; clock: { nowMs: number } } {
  const clock = { nowMs: 1_000_000 }
  return { sessions: new Sessions({ token: 'token', nowMs: () => clock.nowMs }), clock }
}

test('a link is good once', () => {
  const { sessions } = scene()
  const code = sessions.makeLink()
  assert.equal(sessions.useLink(`${code}x`), false)
  assert.equal(sessions.useLink(code), true)
  assert.equal(sessions.useLink(code), false)
})

test('a link is over after its hour', () => {
  const { sessions, clock } = scene()
  const [early, late] = [sessions.makeLink(), sessions.makeLink()]
  clock.nowMs += LINK_MS - 1
  assert.equal(sessions.useLink(early), true)
  clock.nowMs += 1
  assert.equal(sessions.useLink(late), false)
})

test('the oldest link makes room for the newest', () => {
  const { sessions } = scene()
  const links = Array.from({ length: 33 }, () => sessions.makeLink())
  assert.deepEqual(
    links.map(link => sessions.useLink(link)).map(Number),
    links.map((_, at) => Number(at > 0)),
  )
})

test('a session lives as long as it is used, but not for ever', () => {
  const { sessions, clock } = scene()
  const { cookie, session } = sessions.begin()
  for (let pastMs = 0; pastMs + IDLE_MS < LIFE_MS; pastMs += IDLE_MS - 1) {
    assert.equal(sessions.find(cookie), session)
    clock.nowMs += IDLE_MS - 1
  }
  clock.nowMs = 1_000_000 + LIFE_MS
  assert.equal(sessions.find(cookie), undefined)
  assert.equal(session.ended.aborted, true)
})

test('a session that is not used ends, and with it what it has opened', () => {
  const { sessions, clock } = scene()
  const { cookie, session } = sessions.begin()
  clock.nowMs += IDLE_MS
  sessions.sweep()
  assert.equal(session.ended.aborted, true)
  assert.equal(sessions.find(cookie), undefined)
})

test('there are sixty-four sessions: the one that was used longest ago makes room', () => {
  const { sessions } = scene()
  const cookies = Array.from({ length: 64 }, () => sessions.begin().cookie)
  assert.ok(sessions.find(cookies[0] as string))
  sessions.begin()
  assert.equal(sessions.size, 64)
  assert.ok(sessions.find(cookies[0] as string))
  assert.equal(sessions.find(cookies[1] as string), undefined)
})

test('who leaves is out, and nobody else is', () => {
  const { sessions } = scene()
  const [mine, theirs] = [sessions.begin(), sessions.begin()]
  assert.notEqual(mine.session.csrf, theirs.session.csrf)
  sessions.leave(mine.cookie)
  assert.equal(sessions.find(mine.cookie), undefined)
  assert.equal(mine.session.ended.aborted, true)
  assert.equal(sessions.find(theirs.cookie), theirs.session)
  sessions.close()
  assert.equal(theirs.session.ended.aborted, true)
})

test('after ten failures an address waits, and only that one', () => {
  const clock = { nowMs: 0 }
  const attempts = new Attempts(() => clock.nowMs)
  for (let count = 0; count < 10; count++) {
    assert.equal(attempts.waitMs('a'), 0)
    attempts.failed('a')
  }
  assert.equal(attempts.waitMs('a'), 3_000)
  assert.equal(attempts.waitMs('b'), 0)
  clock.nowMs += 3_000
  assert.equal(attempts.waitMs('a'), 0)
  attempts.failed('a')
  assert.equal(attempts.waitMs('a'), 3_000)
  clock.nowMs += 3_600_000
  for (let count = 0; count < 10; count++) attempts.failed('a')
  assert.equal(attempts.waitMs('a'), 3_000)
})

test('attempts from very many addresses are not all remembered', () => {
  const attempts = new Attempts(() => 0)
  for (let count = 0; count < 20; count++) attempts.failed('first')
  for (let count = 0; count < 1_000; count++) attempts.failed(`other ${count}`)
  assert.equal(attempts.waitMs('first'), 0)
})
