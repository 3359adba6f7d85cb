import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { run, scratchFolder } from '../../support/checkout.ts'
import {
  allSee,
  buildProgram,
  eventually,
  killAll,
  type PeerProcess,
  startFleet,
} from '../../support/processes.ts'
import { S3Client } from '../../support/s3-client.ts'
import { playSdk } from './sdk-client.ts'

/**
 * Programs that people use, as they are, against a network of three processes. Each makes a bucket,
 * stores small and large objects in it, reads them whole and in part, lists, copies, deletes. Where a
 * program is not installed its test is skipped, and says so. HOLDFAST_TEST_LARGE_BYTES makes the large
 * object larger.
 */
const LARGE_BYTES = Number(process.env['HOLDFAST_TEST_LARGE_BYTES'] ?? 33_554_432)
const MANY = 2500
const PIECE_BYTES = 1 << 20
const SEEN_MS = 60_000

const isThere = (command: string): boolean =>
  spawnSync('/bin/sh', ['-c', command], { stdio: 'ignore' }).status === 0

const lacks = (command: string, what: string): string | false =>
  isThere(command) ? false : `${what} is not installed`

suite('programs that speak S3', () => {
  const folder = scratchFolder()
  const large = join(folder, 'large')
  const configuration = join(folder, 'aws-config')
  let peers: readonly PeerProcess[] = []
  let environment = ''
  let access: { readonly endpoint: string; readonly key: { id: string; secret: string } }

  before(async () => {
    const fleet = await startFleet(buildProgram(), 3, [])
    peers = fleet.peers
    await allSee(peers, SEEN_MS)
    const [{ gateway, key }] = peers.map(({ announcement }) => announcement) as [
      NonNullable<PeerProcess['announcement']>,
    ]
    assert.ok(key, 'a new network prints its first key')
    access = { endpoint: gateway, key }
    environment = `AWS_ACCESS_KEY_ID=${key.id} AWS_SECRET_ACCESS_KEY=${key.secret} AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL=${gateway} AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=${configuration} AWS_SHARED_CREDENTIALS_FILE=/dev/null`
    // The first generation of the command line presigns in an outdated way unless it is told.
    writeFileSync(configuration, '[default]\ns3 =\n  signature_version = s3v4\n')
    const file = openSync(large, 'w')
    for (let size = 0; size < LARGE_BYTES; size += PIECE_BYTES)
      writeSync(file, randomBytes(PIECE_BYTES))
    await fillMany(new S3Client(gateway, key))
  })

  after(killAll)

  /** Runs lines of a shell, all of which must succeed. */
  const runs = (script: string): string => {
    const text = script.replaceAll('LARGE', large).replaceAll('FOLDER', folder)
    // Older ones do not know the endpoint of the environment, and would go to Amazon's.
    const aws = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'
    const told = run(`export ${environment}; unset AWS_CA_BUNDLE; ${aws}; set -e; ${text}`, folder)
    assert.equal(told.status, 0, `${told.stdout}${told.stderr}`)
    return told.stdout
  }

  test('aws', { skip: lacks('aws --version', 'the aws command line') }, () => {
    runs('aws s3 mb s3://by-aws; aws s3 cp --no-progress LARGE s3://by-aws/large')
    runs(
      'aws s3 cp --no-progress s3://by-aws/large FOLDER/aws; cmp LARGE FOLDER/aws; rm FOLDER/aws',
    )
    runs('mkdir -p tree/deep; for n in 1 2 3; do echo $n > "tree/deep/file $n"; done')
    runs('aws s3 sync tree s3://by-aws/tree; aws s3 sync s3://by-aws/tree back; diff -r tree back')
    assert.equal(runs('aws s3 ls --recursive s3://many').trim().split('\n').length, MANY)
    runs(
      'aws s3 cp s3://by-aws/large s3://by-aws/copy; aws s3 mv s3://by-aws/copy s3://by-aws/moved',
    )
    runs('aws s3api get-object --bucket by-aws --key large --range bytes=5-9 FOLDER/range')
    runs('tail -c +6 LARGE | head -c 5 | cmp - FOLDER/range')
    runs('curl -sSf "$(aws s3 presign s3://by-aws/tree/deep/file\\ 1)" | cmp - "tree/deep/file 1"')
    runs(
      'aws s3api put-bucket-versioning --bucket by-aws --versioning-configuration Status=Enabled',
    )
    runs(
      'aws s3 rm s3://by-aws/moved; aws s3api list-object-versions --bucket by-aws | grep DeleteMarkers',
    )
    runs(
      'aws s3api put-object-tagging --bucket by-aws --key large --tagging TagSet=[{Key=a,Value=b}]',
    )
    runs(
      'aws s3api put-bucket-versioning --bucket by-aws --versioning-configuration Status=Suspended',
    )
    runs('aws s3 rm --recursive s3://by-aws')
  })

  test(
    'aws makes a website, and rules for what ends',
    { skip: lacks('aws --version', 'the aws command line') },
    () => {
      const statement = {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:GetObject',
        Resource: 'arn:aws:s3:::site/*',
      }
      const rule = { ID: 'old', Status: 'Enabled', Filter: {}, Expiration: { Days: 3 } }
      writeFileSync(join(folder, 'policy.json'), JSON.stringify({ Statement: [statement] }))
      writeFileSync(join(folder, 'rules.json'), JSON.stringify({ Rules: [rule] }))
      runs('echo home > index.html; aws s3 mb s3://site; aws s3 cp index.html s3://site/')
      runs('aws s3 website s3://site --index-document index.html')
      runs('aws s3api put-bucket-policy --bucket site --policy file://policy.json')
      runs('curl -sSf -H "Host: site.web.localhost" $AWS_ENDPOINT_URL/ | cmp - index.html')
      const lifecycle = 'bucket-lifecycle-configuration --bucket site'
      runs(`aws s3api put-${lifecycle} --lifecycle-configuration file://rules.json`)
      assert.match(runs(`aws s3api get-${lifecycle}`), /"Days": 3/)
      // Gateways remember for a moment that there were no rules.
      runs('sleep 4; aws s3api head-object --bucket site --key index.html | grep rule-id')
    },
  )

  test('boto3', { skip: lacks('python3 -c "import boto3"', 'boto3') }, () => {
    runs(`python3 ${join(import.meta.dirname, 'boto3-client.py')} by-boto3 LARGE`)
  })

  test('rclone', { skip: lacks('rclone version', 'rclone') }, () => {
    const remote =
      'export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_H_TYPE=s3 RCLONE_CONFIG_H_PROVIDER=Other RCLONE_CONFIG_H_ENDPOINT=$AWS_ENDPOINT_URL RCLONE_CONFIG_H_ENV_AUTH=true'
    const rclone = (script: string): string => runs(`${remote}; ${script}`)
    rclone(
      'rclone mkdir H:by-rclone; mkdir -p r/deep; echo 1 > "r/deep/file 1"; ln -f LARGE r/large',
    )
    rclone('rclone copy r H:by-rclone/r; rclone check r H:by-rclone/r')
    rclone(
      'echo 2 > r/more; rm "r/deep/file 1"; rclone sync r H:by-rclone/r; rclone check r H:by-rclone/r',
    )
    rclone(
      'rclone cat --offset 5 --count 5 H:by-rclone/r/large > range; tail -c +6 LARGE | head -c 5 | cmp - range',
    )
    assert.equal(rclone('rclone lsf H:many').trim().split('\n').length, MANY)
    rclone('curl -sSf "$(rclone link H:by-rclone/r/more)" | cmp - r/more')
    rclone('rclone copyto H:by-rclone/r/large H:by-rclone/copy; rclone purge H:by-rclone')
  })

  test('s3cmd', { skip: lacks('s3cmd --version', 's3cmd') }, () => {
    const flags =
      '--host "${AWS_ENDPOINT_URL#http://}" --host-bucket "${AWS_ENDPOINT_URL#http://}/%(bucket)" --no-ssl --no-progress --config /dev/null'
    const s3cmd = (script: string): string =>
      runs(script.replaceAll(/(?<=^|; )s3cmd/g, `s3cmd ${flags}`))
    s3cmd('s3cmd mb s3://by-s3cmd; s3cmd put LARGE s3://by-s3cmd/large')
    s3cmd(
      's3cmd get --force s3://by-s3cmd/large FOLDER/s3cmd; cmp LARGE FOLDER/s3cmd; rm FOLDER/s3cmd',
    )
    assert.equal(s3cmd('s3cmd ls s3://many').trim().split('\n').length, MANY)
    s3cmd('s3cmd cp s3://by-s3cmd/large s3://by-s3cmd/copy; s3cmd info s3://by-s3cmd/copy')
    s3cmd('s3cmd del --recursive --force s3://by-s3cmd; s3cmd rb s3://by-s3cmd')
  })

  test('the SDK for JavaScript', async () => {
    await playSdk({ ...access, bucket: 'by-sdk', large, many: { bucket: 'many', count: MANY } })
  })

  test('curl', { skip: lacks('curl --version | grep -q ^curl', 'curl') }, () => {
    const curl =
      'curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "x-amz-content-sha256: UNSIGNED-PAYLOAD"'
    runs(
      `${curl} -X PUT $AWS_ENDPOINT_URL/by-curl; ${curl} -T LARGE $AWS_ENDPOINT_URL/by-curl/large`,
    )
    runs(`${curl} $AWS_ENDPOINT_URL/by-curl/large | cmp - LARGE`)
    runs(
      `${curl} -r 5-9 $AWS_ENDPOINT_URL/by-curl/large > range; tail -c +6 LARGE | head -c 5 | cmp - range`,
    )
    runs(
      `${curl} -X DELETE $AWS_ENDPOINT_URL/by-curl/large; ${curl} -X DELETE $AWS_ENDPOINT_URL/by-curl`,
    )
  })
})

/** As many objects as it takes for lists to have pages. */
async function fillMany(s3: S3Client): Promise<void> {
  await eventually(
    async () => (await s3.ask('PUT', '/many')).status === 200,
    SEEN_MS,
    () => 'no bucket can be made',
  )
  const left = Array.from({ length: MANY }, (_, index) => `/many/object-${index}`)
  const fill = async (): Promise<void> => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      const { status, text } = await s3.ask('PUT', path, { body: path })
      assert.equal(status, 200, text)
    }
  }
  await Promise.all(Array.from({ length: 16 }, fill))
}
