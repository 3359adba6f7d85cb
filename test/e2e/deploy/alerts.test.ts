import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { root, run } from '../../support/checkout.ts'
import { deploy, type Manifest, parseYaml, readDeploy } from '../../support/deploy-files.ts'
import { programMissing, toolsMissing } from '../../support/deploy-tools.ts'

const rules = 'prometheus/alerts.yaml'
const page = readFileSync(join(root, 'docs', 'operating.md'), 'utf8')
const metricsPage = readFileSync(join(root, 'docs', 'metrics.md'), 'utf8')

/** Every series there is: a histogram has three. */
const known = new Set(
  [...metricsPage.matchAll(/^\| `(holdfast_\w+)` \| (\w+) \|/gm)].flatMap(([, name = '', kind]) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  ),
)
const metricsIn = (text: string): readonly string[] => [
  ...new Set(text.match(/\bholdfast_[a-z_]+/g) ?? []),
]
const unknownIn = (text: string): readonly string[] =>
  metricsIn(text).filter(each => !known.has(each))

describe('the alert rules', { skip: programMissing('promtool') }, () => {
  test('are rules that Prometheus understands', () => {
    const { status, stdout, stderr } = run(`promtool check rules ${rules}`, deploy)
    assert.equal(status, 0, stdout + stderr)
  })

  test('fire on numbers that call for it, and on no others', () => {
    const { status, stdout, stderr } = run(
      'promtool test rules prometheus/alerts.test.yaml',
      deploy,
    )
    assert.equal(status, 0, stdout + stderr)
    const alerts = [...readDeploy(rules).matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
    const tests = readDeploy('prometheus/alerts.test.yaml')
    for (const alert of alerts) assert.ok(tests.includes(`- name: ${alert} fires`), alert)
  })
})

test('alerts ask only for metrics that there are', () => {
  assert.ok(known.size > 20)
  assert.deepEqual(unknownIn(readDeploy(rules)), [])
})

test('every alert has its chapter in docs/operating.md, and every chapter its alert', () => {
  const alerts = [...readDeploy(rules).matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
  const chapters = [...page.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name)
  assert.deepEqual(chapters, alerts)
  for (const [, place] of readDeploy(rules).matchAll(/runbook_url: docs\/operating\.md#(\S+)/g))
    assert.ok(
      alerts.some(alert => alert.toLowerCase() === place),
      place,
    )
  assert.deepEqual(
    metricsIn(page).filter(each => !metricsPage.includes(each)),
    [],
  )
})

test('the dashboard asks only for metrics that there are', () => {
  const { panels } = JSON.parse(readDeploy('grafana/holdfast.json')) as { panels: Manifest[] }
  const queries = panels.flatMap(({ targets = [] }) => targets.map((each: Manifest) => each.expr))
  assert.ok(queries.length > 20)
  assert.deepEqual(unknownIn(queries.join('\n')), [])
  assert.deepEqual(unknownIn('rate(holdfast_no_such_total[5m])'), ['holdfast_no_such_total'])
})

test('the rules for the operator are the same', { skip: await toolsMissing() }, async () => {
  const { groups } = await parseYaml(readDeploy(rules))
  const { spec } = await parseYaml(readDeploy('kubernetes/components/monitoring/rules.yaml'))
  assert.deepEqual(spec.groups, groups)
})
