/**
 * Access lists, of which there is one: everything belongs to one owner, who has it fully. A client
 * may set just that; whoever wants to grant more is told of it rather than believed.
 */
import { checkAcl } from './object-settings.ts'
import { readOptionalDocument } from './read-document.ts'
import { placeOf, bucketOf, ok, OWNER, type S3Answer, type S3Call } from './s3-call.ts'
import { notImplemented } from './s3-error.ts'
import { versionIn } from './write-object.ts'
import { childOf, childrenOf, demandRoot, optionalText, wrong } from './xml-fields.ts'
import { readXml } from './xml-reader.ts'
import { element, type Markup, rootElement, typedElement } from './xml-writer.ts'

export const ownerElement = (name = 'Owner'): Markup =>
  element(name, element('ID', OWNER), element('DisplayName', OWNER))

export const aclElement = (): Markup =>
  rootElement(
    'AccessControlPolicy',
    ownerElement(),
    element(
      'AccessControlList',
      element(
        'Grant',
        typedElement(
          'Grantee',
          'CanonicalUser',
          element('ID', OWNER),
          element('DisplayName', OWNER),
        ),
        element('Permission', 'FULL_CONTROL'),
      ),
    ),
  )

export async function getBucketAcl(call: S3Call): Promise<S3Answer> {
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return ok(aclElement())
}

export async function putBucketAcl(call: S3Call): Promise<S3Answer> {
  await checkOwners(call)
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return { status: 200 }
}

export async function putObjectAcl(call: S3Call): Promise<S3Answer> {
  await checkOwners(call)
  await call.store.head(placeOf(call), { version: versionIn(call), signal: call.signal })
  return { status: 200 }
}

async function checkOwners(call: S3Call): Promise<void> {
  checkAcl(call)
  const text = await readOptionalDocument(call)
  if (text === '') return
  const root = demandRoot(readXml(text), 'AccessControlPolicy')
  const list = childOf(root, 'AccessControlList')
  if (list === undefined) throw wrong('AccessControlList is missing')
  for (const grant of childrenOf(list, 'Grant')) {
    const grantee = childOf(grant, 'Grantee')
    const isOwner = grantee !== undefined && optionalText(grantee, 'ID') === OWNER
    if (!isOwner || optionalText(grant, 'Permission') !== 'FULL_CONTROL')
      throw notImplemented('an access list that grants anything to others')
  }
}
