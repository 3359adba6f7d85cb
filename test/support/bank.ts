import { defineMachine, type MachineDefinition } from '../../src/node/machines/define-machine.ts'

export type BankCommand =
  | { readonly type: 'pay'; readonly from: string; readonly to: string; readonly amount: number }
  | { readonly type: 'open'; readonly account: string; readonly amount: number }
  | { readonly type: 'later'; readonly afterMs: number; readonly account: string }
  | { readonly type: 'keep' }
  | { readonly type: 'misbehave'; readonly how: 'clock' | 'chance' | 'bug' | 'promise' }

export type BankQuestion = { readonly account: string }

export interface BankEvent {
  readonly from: string
  readonly to: string
  readonly amount: number
}

/** A small bank, on which machines are tried. */
export const bank: MachineDefinition<
  BankCommand,
  number,
  BankQuestion,
  number | undefined,
  BankEvent
> = defineMachine({
  version: 1,
  apply(state, command, context) {
    const balanceOf = (account: string): number => state.get<number>(`account/${account}`) ?? 0
    switch (command.type) {
      case 'open':
        state.set(`account/${command.account}`, command.amount)
        return command.amount
      case 'pay': {
        const { from, to, amount } = command
        const rest = balanceOf(from) - amount
        state.set(`account/${from}`, rest)
        state.set(`account/${to}`, balanceOf(to) + amount)
        if (rest < 0) return context.refuse('overdraft')
        context.emit({ from, to, amount })
        return rest
      }
      case 'later':
        context.setTimer('bonus', context.timeMs + command.afterMs, command.account)
        return 0
      case 'keep':
        state.set('files', context.files)
        return context.files.length
      case 'misbehave':
        return misbehave(command.how)
    }
  },
  onTimer(state, { payload }, context) {
    const key = `account/${String(payload)}`
    state.set(key, (state.get<number>(key) ?? 0) + 1)
    context.emit({ from: 'bank', to: String(payload), amount: 1 })
  },
  query(state, { account }) {
    return state.get<number>(`account/${account}`)
  },
})

function misbehave(how: 'clock' | 'chance' | 'bug' | 'promise'): number {
  if (how === 'clock') return Date.now()
  if (how === 'chance') return Math.random()
  if (how === 'promise') return Promise.resolve(1) as never
  throw new TypeError('a bug of the reducer')
}
