import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { S3Error } from '../../../src/gateway/s3/s3-error.ts'
import { readXml, type XmlElement } from '../../../src/gateway/s3/xml-reader.ts'
import { documentOf, element, rootElement } from '../../../src/gateway/s3/xml-writer.ts'

const text = (source: string): string => readXml(source).text

test('elements, attributes, text and what is in them are read', () => {
  const root = readXml(
    '\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<!-- a --><a:Delete xmlns:a="x" b=\'1\'>\n' +
      '<Object><Key>one</Key></Object><a:Object><Key/></a:Object>t</a:Delete><!-- end -->\n',
  )
  assert.equal(root.name, 'Delete')
  assert.equal(root.attributes.get('b'), '1')
  assert.deepEqual(
    root.children.map(({ name, children }) => [name, children[0]?.text]),
    [
      ['Object', 'one'],
      ['Object', ''],
    ],
  )
  assert.equal(root.text.trim(), 't')
})

test('the five entities, references by number and CDATA are text', () => {
  assert.equal(text('<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x20AC;&#10;</a>'), '<>&"\'A€\n')
  assert.equal(text('<a>x<![CDATA[<b>&amp;]]>y</a>'), 'x<b>&amp;y')
})

const broken = [
  '',
  'a',
  '<a>',
  '</a>',
  '<a></b>',
  '<a><b></a></b>',
  '<a></a><b/>',
  '<a/>text',
  '<a b=1/>',
  '<a b="1" b="2"/>',
  '<a>&</a>',
  '<a>&nope;</a>',
  '<a>&#0;</a>',
  '<a>&#xD800;</a>',
  '<a>&#x110000;</a>',
  '<a>\u0001</a>',
  '<a>\uFFFF</a>',
  '<a><!-- -- --></a>',
  '<a><!-- </a>',
  '<a><![CDATA[</a>',
  '<?xml version="1.1"?><a/>',
  '<!DOCTYPE a><a/>',
  '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
  '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
  '<a><?php ?></a>',
  `${'<a>'.repeat(17)}${'</a>'.repeat(17)}`,
  '<a>'.repeat(200_000),
  `<a>${'<b/>'.repeat(100_001)}</a>`,
  `<a ${Array.from({ length: 17 }, (_, index) => `a${index}=""`).join(' ')}/>`,
]

for (const source of broken)
  test(`${JSON.stringify(source.slice(0, 50))} is malformed`, () => {
    assert.throws(
      () => readXml(source),
      error => error instanceof S3Error && error.code === 'MalformedXML',
    )
  })

test('what is written is read again as it was', () => {
  const character = fc
    .string({ unit: 'grapheme' })
    // oxlint-disable-next-line no-control-regex -- these are what XML cannot hold
    .filter(each => !/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/.test(each))
  fc.assert(
    fc.property(fc.array(character), texts => {
      const root = readXml(
        documentOf(
          rootElement(
            'List',
            texts.map(each => element('Text', each)),
          ),
        ),
      )
      assert.deepEqual(
        root.children.map(each => each.text),
        texts,
      )
    }),
  )
})

test('what XML cannot hold is shown as something it can', () => {
  assert.equal(text(documentOf(element('a', 'x\u0000\u001Fy'))), 'x\uFFFD\uFFFDy')
})

test('random input is either read or malformed, and soon', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '</',
    '/>',
    'a',
    ' ',
    '"',
    '=',
    '&',
    ';',
    '#',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?xml',
    '?>',
    '\n',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), pieces => {
      try {
        const root: XmlElement = readXml(pieces.join(''))
        assert.equal(typeof root.name, 'string')
      } catch (error) {
        assert.ok(error instanceof S3Error && error.code === 'MalformedXML', String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
