// What the ledger tells, as it tells it; and now and then the balances, which are nothing together.
const ROWS_MAX = 20
const PAINT_EVERY_MS = 250
const LOOK_EVERY_MS = 3_000

const element = id => document.getElementById(id)
const show = (id, text) => (element(id).textContent = text)
const cents = amount => (amount / 100).toFixed(2)

let waiting = []
let counted = 0
let countedFrom = Date.now()

function row({ number, at, from, to, amount, server }) {
  const cells = [
    number,
    new Date(at.ms).toISOString().slice(11, 23),
    at.boundMs === null ? '?' : at.boundMs.toFixed(2),
    from,
    to,
    cents(amount),
    server,
  ]
  const line = document.createElement('tr')
  for (const text of cells) line.appendChild(document.createElement('td')).textContent = text
  return line
}

function paint() {
  if (waiting.length > 0) {
    const rows = element('rows')
    for (const payment of waiting.slice(-ROWS_MAX)) rows.prepend(row(payment))
    while (rows.children.length > ROWS_MAX) rows.lastChild.remove()
    show('payments', waiting.at(-1).number.toLocaleString())
    waiting = []
  }
  const seconds = (Date.now() - countedFrom) / 1000
  if (seconds < 1) return
  show('rate', (counted / seconds).toFixed(0))
  counted = 0
  countedFrom = Date.now()
}

async function look() {
  let sum = 0
  let count = 0
  for (let after = ''; ;) {
    const answer = await fetch(`/accounts?after=${encodeURIComponent(after)}`)
    if (!answer.ok) return
    const { accounts } = await answer.json()
    if (accounts.length === 0) break
    for (const { balance } of accounts) sum += balance
    count += accounts.length
    after = accounts.at(-1).account
  }
  show('accounts', count.toLocaleString())
  // Pages are read one after the other, so while payments flow this is near nothing, not nothing.
  show('sum', cents(sum))
}

const live = new EventSource('/live')
live.addEventListener('open', () => show('state', 'live'))
live.addEventListener('error', () => show('state', 'this server cannot be reached; trying again'))
live.addEventListener('message', ({ data }) => {
  counted++
  waiting.push(JSON.parse(data))
  if (waiting.length > ROWS_MAX) waiting.shift()
})
setInterval(paint, PAINT_EVERY_MS)
setInterval(() => look().catch(() => undefined), LOOK_EVERY_MS)
look().catch(() => undefined)
