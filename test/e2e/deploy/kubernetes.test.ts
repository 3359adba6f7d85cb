import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { settingNames } from '../../../src/cli/settings.ts'
import { root, run } from '../../support/checkout.ts'
import { type Manifest, ofKind, readDeploy, render } from '../../support/deploy-files.ts'
import { programMissing, tool, toolPath, toolsMissing } from '../../support/deploy-tools.ts'

const skip = programMissing('kubectl', 'kubectl version --client') || (await toolsMissing())

const overlays = ['overlays/single-node', 'overlays/nodes', 'overlays/zones']
const founders = ['holdfast-0', 'holdfast-0', 'holdfast-a-0']

/** Where the type of each kind is: made from the OpenAPI description of Kubernetes and the operator. */
const modules: Record<string, string> = {
  v1: 'kubernetes-models/v1',
  'apps/v1': 'kubernetes-models/apps/v1',
  'policy/v1': 'kubernetes-models/policy/v1',
  'networking.k8s.io/v1': 'kubernetes-models/networking.k8s.io/v1',
  'monitoring.coreos.com/v1': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
}
type Models = Record<string, new (document: Manifest) => { validate(): void }>

/** By the rules of the types: what is missing, or of a wrong kind. */
async function validate(manifest: Manifest): Promise<void> {
  const models = await tool<Models>(modules[manifest.apiVersion] ?? 'unknown api version')
  const Model = models[manifest.kind]
  assert.ok(Model, manifest.kind)
  new Model(manifest).validate()
}

/** By the compiler: what Kubernetes has no field for. */
function typeErrors(manifests: readonly Manifest[]): string {
  const folder = join(toolPath('..'), `typed-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  const lines = manifests.map((manifest, index) => {
    const path = modules[manifest.apiVersion]
    const type = `import('${path}').I${manifest.kind}`
    return `export const m${index}: ${type} = ${JSON.stringify(manifest)}`
  })
  writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'))
  const flags = '--noEmit --strict --skipLibCheck --module nodenext --types ""'
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { stdout } = run(`${tsc} --ignoreConfig ${flags} manifests.ts`, folder)
  rmSync(folder, { recursive: true })
  return stdout
}

const labelsOf = (set: Manifest): Manifest => set.spec.template.metadata.labels
const peerOf = (set: Manifest): Manifest => set.spec.template.spec.containers[0]
const selects = (selector: object, labels: Manifest): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)
const valueOf = (set: Manifest, name: string): Manifest =>
  peerOf(set).env.find((each: Manifest) => each.name === name)

describe('the manifests for Kubernetes', { skip }, () => {
  for (const [index, overlay] of overlays.entries()) {
    test(`${overlay} has only what Kubernetes knows`, async () => {
      const manifests = await render(overlay)
      assert.ok(ofKind(manifests, 'StatefulSet').length > 0)
      for (const manifest of manifests) await validate(manifest)
      assert.equal(typeErrors(manifests), '')
    })

    test(`${overlay} fits together`, async () => {
      const manifests = await render(overlay)
      const sets = ofKind(manifests, 'StatefulSet')
      const services = ofKind(manifests, 'Service')
      for (const set of sets) {
        const headless = services.find(({ metadata }) => metadata.name === set.spec.serviceName)
        assert.equal(headless?.spec.clusterIP, 'None')
        assert.equal(headless.spec.publishNotReadyAddresses, true)
        assert.match(valueOf(set, 'HOLDFAST_ANNOUNCE').value, /^\$\(POD_NAME\)\.holdfast-peers\./)
        assert.equal(valueOf(set, 'HOLDFAST_FOUNDER').value, founders[index])
        const ports = peerOf(set).ports.map(({ name }: Manifest) => name)
        for (const service of services) {
          assert.ok(selects(service.spec.selector, labelsOf(set)))
          for (const { targetPort } of service.spec.ports) assert.ok(ports.includes(targetPort))
        }
        const [budget] = ofKind(manifests, 'PodDisruptionBudget')
        assert.ok(selects(budget.spec.selector.matchLabels, labelsOf(set)))
        assert.equal(budget.spec.maxUnavailable, 1)
      }
      assert.ok(
        sets.some(({ metadata, spec }) =>
          Array.from({ length: spec.replicas }, (_, pod) => `${metadata.name}-${pod}`).includes(
            founders[index] as string,
          ),
        ),
        'one of the pods is the founder',
      )
    })

    test(`${overlay} tells peers only what they can be told`, async () => {
      for (const set of ofKind(await render(overlay), 'StatefulSet'))
        for (const { name } of peerOf(set).env)
          if (name.startsWith('HOLDFAST_'))
            assert.ok(
              settingNames.some(each => name === variableOf(each)),
              name,
            )
    })
  }

  test('peers of the overlay zones are told their zone and run there', async () => {
    for (const set of ofKind(await render('overlays/zones'), 'StatefulSet')) {
      const zone = valueOf(set, 'HOLDFAST_ZONE')
      assert.deepEqual(zone, { name: 'HOLDFAST_ZONE', value: zone.value })
      const { nodeSelector } = set.spec.template.spec
      assert.equal(nodeSelector['topology.kubernetes.io/zone'], zone.value)
    }
  })

  test('a peer never runs beside another of its network', async () => {
    for (const set of ofKind(await render('overlays/nodes'), 'StatefulSet')) {
      const [rule] =
        set.spec.template.spec.affinity.podAntiAffinity
          .requiredDuringSchedulingIgnoredDuringExecution
      assert.equal(rule.topologyKey, 'kubernetes.io/hostname')
      assert.ok(selects(rule.labelSelector.matchLabels, labelsOf(set)))
    }
  })

  test('the check finds what Kubernetes would refuse', async () => {
    const [set] = ofKind(await render('overlays/nodes'), 'StatefulSet')
    const { serviceName: _, ...spec } = set.spec
    await assert.rejects(validate({ ...set, spec: { ...spec, replicas: 'six' } }), /replicas/)
    const { selector: __, ...rest } = spec
    await assert.rejects(validate({ ...set, spec: rest }), /selector/)
    const misspelt = { ...set, spec: { ...spec, minReadySecond: 5 } }
    assert.match(typeErrors([misspelt]), /minReadySecond/)
  })

  test('the page says the names that are in the manifests', async () => {
    const page = readDeploy('README.md')
    const [set] = ofKind(await render('overlays/nodes'), 'StatefulSet')
    const volume = set.spec.template.spec.volumes.find(({ name }: Manifest) => name === 'invite')
    assert.ok(page.includes(`secret generic ${volume.secret.secretName}`))
    assert.ok(page.includes(`exec holdfast-0`))
    assert.equal(volume.secret.optional, true)
  })
})

const variableOf = (setting: string): string =>
  `HOLDFAST_${setting.toUpperCase().replaceAll('-', '_')}`
