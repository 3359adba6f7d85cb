import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { qrCode } from '../../console/logic/qr/qr-code.ts'

function pictureOf(text: string): readonly string[] {
  const code = qrCode(text)
  assert.ok(code)
  const places = Array.from({ length: code.size }, (_, at) => at)
  return places.map(row => places.map(column => (code.isDark(row, column) ? '#' : '.')).join(''))
}

const finder = ['#######', '#.....#', '#.###.#', '#.###.#', '#.###.#', '#.....#', '#######']

test('every code has a finder in three corners', () => {
  for (const length of [1, 20, 100, 300, 900, 2953]) {
    const picture = pictureOf('a'.repeat(length))
    const [top, bottom] = [picture.slice(0, 7), picture.slice(-7)]
    assert.deepEqual(
      [top.map(line => line.slice(0, 7)), top.map(line => line.slice(-7))],
      [finder, finder],
    )
    assert.deepEqual(
      bottom.map(line => line.slice(0, 7)),
      finder,
    )
  }
})

test('the longest text that fits is the longest there is a code for', () => {
  assert.equal(qrCode('a'.repeat(2953))?.size, 177)
  assert.equal(qrCode('a'.repeat(2954)), undefined)
})

test('a text takes the smallest code it fits in', () =>
  assert.deepEqual(
    [17, 18, 32, 33, 230, 231].map(length => qrCode('a'.repeat(length))?.size),
    [21, 25, 25, 29, 53, 57],
  ))

/** Pictures that zbarimg, another program, reads as the text that they are of. */
const pictures = [
  ['holdfast', '61595259c13be174'],
  ['x'.repeat(400), 'eec89062912e0475'],
  [`npx holdfast up --join ${'aB3-'.repeat(150)}`, '3a348eee761008e8'],
] as const
for (const [text, hash] of pictures)
  test(`the code of ${text.slice(0, 22)} is the one that another program reads`, () => {
    const picture = pictureOf(text).join('\n')
    assert.equal(createHash('sha256').update(picture).digest('hex').slice(0, 16), hash)
  })
