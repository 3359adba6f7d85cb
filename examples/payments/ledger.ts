/**
 * The ledger: a machine that every server of the payment service replicates. Money is neither made nor
 * lost: an account is opened with a deposit from the bank, whose own account says what it owes, and
 * each payment takes from one account what it gives to another. So all balances together are nothing,
 * at every moment, and no account but the bank's is ever below nothing.
 *
 *     account/<name>           { balance, payments }
 *     payment/<number>         a payment, in the order in which they took effect
 *     statement/<name>/<index> a file that was exported
 *     totals                   { accounts, payments, volume }
 */
import { defineMachine, type MachineDefinition, type MachineFile, type MachineRows } from 'holdfast'

export const BANK = 'bank'
/** Cents. */
export const AMOUNT_MAX = 1_000_000_000
const PAGE_MAX = 1_000
/** Payments that one question looks through. */
const SCAN_MAX = 5_000
const DIGITS = 12

/** When a server took a payment on, by its own clock. */
export interface TakenAt {
  readonly ms: number
  readonly count: number
  /** The truth is within this of it; null where that is not known. */
  readonly boundMs: number | null
}

export type Command =
  | { readonly type: 'open'; readonly account: string; readonly deposit: number }
  | {
      readonly type: 'pay'
      readonly from: string
      readonly to: string
      readonly amount: number
      readonly reference: string
      readonly at: TakenAt
      readonly server: string
    }
  | { readonly type: 'statement'; readonly account: string; readonly through: number }

export interface Account {
  readonly account: string
  readonly balance: number
  readonly payments: number
}

export interface Payment {
  readonly number: number
  /** What the client called it. */
  readonly key: string
  readonly from: string
  readonly to: string
  readonly amount: number
  readonly reference: string
  readonly at: TakenAt
  readonly server: string
}

export interface Totals {
  readonly accounts: number
  readonly payments: number
  readonly volume: number
}

export interface Statement {
  readonly index: number
  readonly account: string
  /** The last payment in it. */
  readonly through: number
  readonly file: MachineFile
}

export type Question =
  | { readonly type: 'account'; readonly account: string }
  | { readonly type: 'accounts'; readonly after: string }
  | {
      readonly type: 'payments'
      readonly after: number
      readonly limit: number
      readonly account?: string | undefined
    }
  | { readonly type: 'statements'; readonly account: string }
  | { readonly type: 'totals' }

export type Answer = { readonly number: number }

export type Reply =
  | { readonly type: 'account'; readonly account: Account | undefined }
  | { readonly type: 'accounts'; readonly accounts: readonly Account[] }
  /** `through`: payments up to this were looked at; there are more if it is below the last one. */
  | { readonly type: 'payments'; readonly payments: readonly Payment[]; readonly through: number }
  | { readonly type: 'statements'; readonly statements: readonly Statement[] }
  | { readonly type: 'totals'; readonly totals: Totals }

const nothing: Totals = { accounts: 0, payments: 0, volume: 0 }
const accountKey = (account: string): string => `account/${account}`
const paymentKey = (number: number): string => `payment/${String(number).padStart(DIGITS, '0')}`

export const ledger: MachineDefinition<Command, Answer, Question, Reply, Payment> = defineMachine({
  version: 1,
  limits: { stateBytesMax: 536_870_912, rowsMax: 5_000_000, keysMax: 5_000_000 },

  apply(state, command, context): Answer {
    const totals = state.get<Totals>('totals') ?? nothing
    const find = (account: string): Account =>
      state.get<Account>(accountKey(account)) ?? context.refuse('NO_SUCH_ACCOUNT')
    switch (command.type) {
      case 'open': {
        const { account, deposit } = command
        if (state.has(accountKey(account))) return context.refuse('ACCOUNT_EXISTS')
        const bank = state.get<Account>(accountKey(BANK)) ?? { balance: 0, payments: 0 }
        state.set(accountKey(BANK), { ...bank, account: BANK, balance: bank.balance - deposit })
        state.set(accountKey(account), { account, balance: deposit, payments: 0 })
        state.set('totals', { ...totals, accounts: totals.accounts + 1 })
        return { number: 0 }
      }
      case 'pay': {
        const { type: _, from, to, amount } = command
        const [giver, taker] = [find(from), find(to)]
        if (from === BANK || from === to) return context.refuse('NOT_ALLOWED')
        if (giver.balance < amount) return context.refuse('OVERDRAFT')
        const number = totals.payments + 1
        const { reference, at, server } = command
        const key = context.key ?? ''
        const payment: Payment = { number, key, from, to, amount, reference, at, server }
        state.set(accountKey(from), moved(giver, -amount))
        state.set(accountKey(to), moved(taker, amount))
        state.set(paymentKey(number), payment)
        state.set('totals', { ...totals, payments: number, volume: totals.volume + amount })
        context.emit(payment)
        return { number }
      }
      case 'statement': {
        const { account, through } = command
        find(account)
        const [file] = context.files
        if (file === undefined) return context.refuse('NO_FILE')
        const { index } = context
        const statement: Statement = { index, account, through, file }
        state.set(`statement/${account}/${String(index).padStart(DIGITS, '0')}`, statement)
        return { number: index }
      }
    }
  },

  query(state, question): Reply {
    switch (question.type) {
      case 'account':
        return { type: 'account', account: state.get<Account>(accountKey(question.account)) }
      case 'accounts':
        return {
          type: 'accounts',
          accounts: state
            .list<Account>('account/', { after: accountKey(question.after), limit: PAGE_MAX })
            .map(({ value }) => value),
        }
      case 'payments':
        return paymentsIn(state, question)
      case 'statements':
        return {
          type: 'statements',
          statements: state
            .list<Statement>(`statement/${question.account}/`)
            .map(({ value }) => value),
        }
      case 'totals':
        return { type: 'totals', totals: state.get<Totals>('totals') ?? nothing }
    }
  },
})

const moved = (account: Account, by: number): Account => ({
  ...account,
  balance: account.balance + by,
  payments: account.payments + 1,
})

function paymentsIn(
  state: MachineRows,
  { after, limit, account }: Question & { readonly type: 'payments' },
): Reply {
  const wanted = Math.min(limit, PAGE_MAX)
  const scanned = account === undefined ? wanted : SCAN_MAX
  const rows = state.list<Payment>('payment/', { after: paymentKey(after), limit: scanned })
  const payments: Payment[] = []
  let through = after
  for (const { value } of rows) {
    const isWanted = account === undefined || value.from === account || value.to === account
    if (isWanted && payments.length >= wanted) break
    if (isWanted) payments.push(value)
    through = value.number
  }
  return { type: 'payments', payments, through }
}
