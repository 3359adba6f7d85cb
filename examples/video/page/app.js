// Lists and plays; uploads in parts, several at once; shows who gave what.
const PART_BYTES = 8 * 1024 * 1024
const PARTS_AT_ONCE = 4
const TRIES_MAX = 3
const LOOK_EVERY_MS = 2_000
const RANGES_SHOWN = 12

const element = id => document.getElementById(id)
const show = text => (element('state').textContent = text)
const mebibytes = bytes => `${(bytes / 1_048_576).toFixed(1)} MiB`
let playing = ''

function row(...cells) {
  const line = document.createElement('tr')
  for (const text of cells) line.appendChild(document.createElement('td')).textContent = text
  return line
}

async function ask(path, options = {}) {
  const answer = await fetch(path, options)
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.code)
  return body
}

async function list() {
  const { videos } = await ask('/videos')
  const items = videos.map(({ name, sizeBytes }) => {
    const item = document.createElement('li')
    const button = item.appendChild(document.createElement('button'))
    button.textContent = `${name} (${mebibytes(sizeBytes)})`
    button.addEventListener('click', () => play(name))
    return item
  })
  element('videos').replaceChildren(...items)
}

function play(name) {
  playing = name
  const player = element('player')
  player.src = `/videos/${encodeURIComponent(name)}`
  // Where the browser wants to be asked first, the controls are there.
  player.play().catch(() => undefined)
  look().catch(() => undefined)
}

async function look() {
  const { ranges, names } = await ask('/served')
  const called = peer => names[peer] || peer.slice(-8)
  const shown = ranges.slice(-RANGES_SHOWN).toReversed()
  element('ranges').replaceChildren(
    ...shown.map(({ name, from, to, peers }) => {
      const parts = Object.entries(peers).map(
        ([peer, bytes]) => `${called(peer)} ${mebibytes(bytes)}`,
      )
      return row(name, `${mebibytes(from)} – ${mebibytes(to)}`, parts.join(', '))
    }),
  )
  if (playing === '') return
  const { segments } = await ask(`/videos/${encodeURIComponent(playing)}/holders`)
  const of = (fragments, kind) =>
    fragments
      .filter(each => each.kind === kind && each.peer)
      .map(({ peer }) => called(peer))
      .join(', ')
  element('holders').replaceChildren(
    ...segments.map(({ segment, fragments }) =>
      row(segment, of(fragments, 'data'), of(fragments, 'parity')),
    ),
  )
}

async function sendPart(place, file, part) {
  const body = file.slice((part - 1) * PART_BYTES, part * PART_BYTES)
  for (let tries = 1; ; tries++) {
    try {
      return await ask(`${place}/${part}`, { method: 'PUT', body })
    } catch (error) {
      if (tries >= TRIES_MAX) throw error
    }
  }
}

async function upload(file) {
  const count = Math.max(1, Math.ceil(file.size / PART_BYTES))
  const progress = element('progress')
  progress.hidden = false
  progress.value = 0
  const begun = await ask('/uploads', { method: 'POST', body: JSON.stringify({ name: file.name }) })
  const place = `/uploads/${encodeURIComponent(file.name)}/${begun.upload}`
  const parts = []
  let next = 1
  const sender = async () => {
    while (next <= count) {
      parts.push(await sendPart(place, file, next++))
      progress.value = parts.length / count
    }
  }
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sender))
  const sorted = parts.toSorted((a, b) => a.part - b.part)
  const body = JSON.stringify({ parts: sorted })
  await ask(place, { method: 'POST', body })
  progress.hidden = true
  show(`${file.name} is stored`)
  await list()
}

element('file').addEventListener('change', ({ target }) => {
  const [file] = target.files
  if (file) upload(file).catch(error => show(`not stored: ${error.message}`))
})
setInterval(() => look().catch(() => undefined), LOOK_EVERY_MS)
list().catch(error => show(error.message))
