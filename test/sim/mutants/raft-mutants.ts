import type { Mutant } from './mutant.ts'

type Change = Omit<Mutant, 'scenario'>

/** Bugs of the core. */
const found: readonly Change[] = [
  {
    name: 'a stale append cuts off what follows it',
    file: 'consensus/follower.ts',
    find: `    this.state.append(log.missingFrom(entries))`,
    replace: `    this.state.append(entries.filter(({ index }) => index > log.commit))`,
  },
  {
    name: 'vote without a look at the log',
    file: 'consensus/raft.ts',
    find: `    const isGranted = isFree && state.leader === undefined && state.mayElect(last)`,
    replace: `    const isGranted = isFree && state.leader === undefined`,
  },
  {
    name: 'compare logs by length alone',
    file: 'consensus/raft-state.ts',
    find: `  a.term > b.term || (a.term === b.term && a.index >= b.index)`,
    replace: `  a.index >= b.index`,
  },
  {
    name: 'a majority is half',
    file: 'consensus/quorum.ts',
    find: `export const majorityOf = (count: number): number => Math.floor(count / 2) + 1`,
    replace: `export const majorityOf = (count: number): number => Math.ceil(count / 2)`,
  },
  {
    name: 'one half of a joint configuration decides',
    file: 'consensus/quorum.ts',
    find: `  return Math.min(reachedByMajority(voters, valueOf), reachedByMajority(outgoing, valueOf))`,
    replace: `  return reachedByMajority(voters, valueOf)`,
  },
  {
    name: 'the ballot is not written',
    file: 'consensus/raft-state.ts',
    find: `    const isBallotNew = this.term !== this.#written.term || this.vote !== this.#written.vote`,
    replace: `    const isBallotNew = false`,
  },
  {
    name: 'vote twice in a term',
    file: 'consensus/raft.ts',
    find: `    const isFree = state.vote === undefined || state.vote === from`,
    replace: `    const isFree = true`,
  },
  {
    name: 'a vote leaves before it is durable',
    file: 'consensus/raft.ts',
    find: `    state.sendDurable(from, answer)
  }

  /** Whoever`,
    replace: `    state.send(from, answer)
  }

  /** Whoever`,
  },
  {
    name: 'the own vote counts before it is durable',
    file: 'consensus/candidate.ts',
    find: `      state.sendDurable(to, { type: 'vote', term, last: state.log.last, isTransfer })
    }`,
    replace: `      state.send(to, { type: 'vote', term, last: state.log.last, isTransfer })
    }
    this.#count(state.self, true)`,
  },
  {
    name: 'a follower acknowledges what it has not stored',
    file: 'consensus/follower.ts',
    find: `    if (match <= log.stored) this.state.send(leader, answer)`,
    replace: `    if (match >= 0) this.state.send(leader, answer)`,
  },
  {
    name: 'a leader counts what it has not stored',
    file: 'consensus/replication.ts',
    find: `    if (replica === this.#state.self) return this.#state.log.stored`,
    replace: `    if (replica === this.#state.self) return this.#state.log.last.index`,
  },
  {
    name: 'commit entries of earlier terms by counting',
    file: 'consensus/replication.ts',
    find: `    if (index <= log.commit || log.termAt(index) !== term) return false`,
    replace: `    if (index <= log.commit || term < 0) return false`,
  },
  {
    name: 'a follower commits up to its own end',
    file: 'consensus/follower.ts',
    find: `    this.state.commitTo(Math.min(commit, fitting))`,
    replace: `    this.state.commitTo(Math.min(commit, log.last.index))`,
  },
  {
    name: 'a follower acknowledges its own end',
    file: 'consensus/follower.ts',
    find: `    const match = Math.max(fitting, log.base.index)`,
    replace: `    const match = log.last.index`,
  },
  {
    name: 'a heartbeat commits more than is known to be there',
    file: 'consensus/leader.ts',
    find: `      const commit = Math.min(match, log.commit)`,
    replace: `      const commit = Math.min(match + 1, log.commit)`,
  },
  {
    name: 'reads before the term is opened',
    file: 'consensus/leader.ts',
    find: `    return this.#state.log.commit >= this.#opening`,
    replace: `    return this.#opening > 0`,
  },
  {
    name: 'reads without asking anybody',
    file: 'consensus/reads.ts',
    find: `    const ready = this.#asked.filter(asked => asked.round <= round)`,
    replace: `    const ready = this.#asked.filter(asked => asked.round <= round + 1)`,
  },
  {
    name: 'a read counts answers to an earlier round',
    file: 'consensus/reads.ts',
    find: `      this.#asked.push({ round: this.#round, ids: this.#waiting, index: commit })`,
    replace: `      this.#asked.push({ round: this.#round - 1, ids: this.#waiting, index: commit })`,
  },
  {
    name: 'a lease runs from its confirmation',
    file: 'consensus/leader.ts',
    find: `    const round = this.reads.begin(nowMs, this.#hasOpened ? log.commit : undefined)`,
    replace: `    const round = this.reads.begin(nowMs + 400, this.#hasOpened ? log.commit : undefined)`,
  },
  {
    name: 'a lease outlives a transfer',
    file: 'consensus/leader.ts',
    find: `    this.reads.endLeases()
`,
    replace: ``,
  },
  {
    name: 'a replica that starts protects no leader',
    file: 'consensus/raft-state.ts',
    find: `  heardMs = 0
`,
    replace: `  heardMs = -1e9
`,
  },
  {
    name: 'a learner counts',
    file: 'consensus/quorum.ts',
    find: `export function reachedByQuorum(
  { voters, outgoing }: Configuration,
  valueOf: (voter: ReplicaId) => number,
): number {`,
    replace: `export function reachedByQuorum(
  { voters: members, outgoing, learners }: Configuration,
  valueOf: (voter: ReplicaId) => number,
): number {
  const voters = [...members, ...learners]`,
  },
  {
    name: 'one step instead of two',
    file: 'consensus/configuration.ts',
    find: `  return isSameSet(from.voters, to.voters) ? to : { ...to, outgoing: from.voters }`,
    replace: `  return to`,
  },
  {
    name: 'two changes at once',
    file: 'consensus/leader.ts',
    find: `    if (isJoint(configuration) || isChanging || !this.#hasOpened) {`,
    replace: `    if (isJoint(configuration)) {`,
  },
  {
    name: 'a joint configuration is never left',
    file: 'consensus/leader.ts',
    find: `    if (!isJoint(configuration) || isChanging || !this.#hasOpened) return`,
    replace: `    if (!isChanging) return`,
  },
  {
    name: 'who was removed keeps the others from electing',
    file: 'consensus/raft-state.ts',
    find: `    if (this.isVoter || this.isChanging) return isAtLeast(last, log.last)`,
    replace: `    if (this.isVoter || !this.isVoter) return isAtLeast(last, log.last)`,
  },
  {
    name: 'a window that is lost stays closed',
    file: 'consensus/replication.ts',
    find: `    else if (progress.state === 'replicate') this.#ask(from, progress)
`,
    replace: ``,
  },
  {
    name: 'a snapshot that failed is awaited for ever',
    file: 'consensus/progress.ts',
    find: `    if (this.state !== 'snapshot') return
    this.next = isDone`,
    replace: `    if (this.state !== 'snapshot' || !isDone) return
    this.next = isDone`,
  },
  {
    name: 'a configuration in a snapshot is overlooked',
    file: 'consensus/raft-state.ts',
    find: `    this.#configure(snapshot.configuration, snapshot.index)
`,
    replace: ``,
  },
  {
    name: 'a snapshot leaves the old log in place',
    file: 'consensus/raft-state.ts',
    find: `    this.#base = { index: snapshot.index, term: snapshot.term }
    this.#unwritten = Number.POSITIVE_INFINITY`,
    replace: `    this.#unwritten = Number.POSITIVE_INFINITY`,
  },
  {
    name: 'a window opens at once behind a probe',
    file: 'consensus/progress.ts',
    find: `    this.#allowance = FIRST_ALLOWANCE
    if (state`,
    replace: `    this.#allowance = this.#window.messagesMax
    if (state`,
  },
]

/** More of them, from others' histories: the numbers are those of the bug classes. */
const known: readonly Change[] = [
  {
    // 13
    name: 'a grant of a pre-vote counts as a vote',
    file: 'consensus/candidate.ts',
    find: `    if (phase === this.#phase) this.#count(from, isGranted)`,
    replace: `    if (phase !== undefined) this.#count(from, isGranted)`,
  },
  {
    // 14
    name: 'a candidate does not grant its own pre-vote',
    file: 'consensus/candidate.ts',
    find: `    this.#count(state.self, true)
  }

  #stand`,
    replace: `  }

  #stand`,
  },
  {
    // 15
    name: 'a pre-vote is heard like a leader',
    file: 'consensus/raft.ts',
    find: `    const isGranted = term > state.term && !this.#isProtecting && state.mayElect(last)`,
    replace: `    const isGranted = term > state.term && !this.#isProtecting && state.mayElect(last)
    state.heardMs = state.awakeMs`,
  },
  {
    // 16
    name: 'a pre-vote of an old term is answered with that term',
    file: 'consensus/raft.ts',
    find: `term: isGranted ? term : state.term`,
    replace: `term: isGranted ? term : Math.min(term, state.term)`,
  },
  {
    // 17
    name: 'a transfer asks whether it may',
    file: 'consensus/candidate.ts',
    find: `    if (isTransfer || !this.state.options.hasPreVote) this.#stand(isTransfer)`,
    replace: `    if (!this.state.options.hasPreVote) this.#stand(isTransfer)`,
  },
  {
    // 19
    name: 'a leader whom nobody answers leads on',
    file: 'consensus/leader.ts',
    find: `    if (writingMs < options.electionMaxMs && this.replication.isHeard(options.electionMaxMs)) {`,
    replace: `    if (writingMs < options.electionMaxMs) {`,
  },
  {
    // 20
    name: 'the term of a write that ended is not looked at',
    file: 'consensus/raft-log.ts',
    find: `    if (last.index <= this.#stored || !this.has(last)) return false`,
    replace: `    if (last.index <= this.#stored || last.index > this.last.index) return false`,
  },
  {
    // 22
    name: 'a leader whose disk hangs leads on',
    file: 'consensus/leader.ts',
    find: `    if (writingMs < options.electionMaxMs && this.replication.isHeard(options.electionMaxMs)) {`,
    replace: `    if (writingMs >= 0 && this.replication.isHeard(options.electionMaxMs)) {`,
  },
  {
    // 26
    name: 'a restarted replica waits ten times as long',
    file: 'consensus/follower.ts',
    find: `    return electionMinMs + random.below(electionMaxMs - electionMinMs)`,
    replace: `    return electionMinMs * 20 + random.below(electionMaxMs - electionMinMs)`,
  },
  {
    // 32
    name: 'an answer that comes twice is answered twice',
    file: 'consensus/leader.ts',
    find: `    if (progress === undefined || round <= progress.round) return`,
    replace: `    if (progress === undefined) return`,
  },
  {
    // 10
    name: 'what lies below the base does not fit',
    file: 'consensus/follower.ts',
    find: `    if (previous.index > log.base.index && !log.has(previous)) {`,
    replace: `    if (!log.has(previous)) {`,
  },
  {
    name: 'a leader does not hear of a later term',
    file: 'consensus/raft.ts',
    find: `    if (message.term > this.#state.term) this.#enterTerm(message)`,
    replace: `    if (message.term > this.#state.term && this.role !== 'leader') this.#enterTerm(message)`,
  },
  {
    name: 'proposals are taken without bound',
    file: 'consensus/leader.ts',
    find: `      else if (this.#uncommittedBytes >= uncommittedBytesMax) this.#refuse(id, 'busy')`,
    replace: `      else if (uncommittedBytesMax < 0) this.#refuse(id, 'busy')`,
  },
]

/** Bugs of the driver, found by whole peers. */
const driven: readonly Change[] = [
  {
    name: 'promises leave beside the write',
    file: 'node/consensus/raft-group.ts',
    find: `    this.#lastWrite = Promise.all([this.#lastWrite, ...writes]).then(() => undefined)`,
    replace: `    Promise.all(writes).catch((error: unknown) => this.#fail(error))
    this.#lastWrite = Promise.resolve()`,
  },
  {
    name: 'an invitation comes before the log was read',
    file: 'node/consensus/consensus-node.ts',
    find: `    if (this.#unopened.has(group)) return Promise.reject(notReady(group))
`,
    replace: ``,
  },
  {
    name: 'a replica begins anew under its old name',
    file: 'node/consensus/replica-name.ts',
    find: '  `${peer}/${toHex(random.bytes(INCARNATION_BYTES))}`',
    replace: '  `${peer}/${toHex(new Uint8Array(random.bytes(INCARNATION_BYTES).length))}`',
  },
  {
    name: 'apply while a snapshot is being read',
    file: 'node/consensus/applier.ts',
    find: `        this.#wait(pending)
        return`,
    replace: `        this.#wait(pending)`,
  },
  {
    name: 'a deposed leader leaves its clients waiting',
    file: 'node/consensus/raft-group.ts',
    find: `    if (isDeposed) this.#waiting.lose('the leader lost its place')
`,
    replace: ``,
  },
  {
    name: 'a follower reads before it has caught up',
    file: 'node/consensus/consensus-node.ts',
    find: `    await withDeadline(timers, { ms, what: \`entry \${index}\`, signal }, () => replica.reach(index))
`,
    replace: ``,
  },
  {
    name: 'an unknown outcome is asked for again',
    file: 'node/consensus/leader-calls.ts',
    find: `  outcome !== undefined && 'error' in outcome && isToTryAgain(outcome.error)`,
    replace: `  outcome !== undefined && 'error' in outcome && !isAnswer(outcome.error)`,
  },
  {
    name: 'entries go before the snapshot is durable',
    file: 'node/consensus/raft-group.ts',
    find: `    const unneeded = await this.#options.state.secure(snapshot)
    this.#isCompacting = false
    const keepFrom = Math.max(0, Math.min(snapshot.index - keptEntries, unneeded))
    this.step({ type: 'compact', snapshot, keepFrom })`,
    replace: `    const keepFrom = Math.max(0, snapshot.index - keptEntries)
    this.step({ type: 'compact', snapshot, keepFrom })
    await this.#options.state.secure(snapshot)
    this.#isCompacting = false`,
  },
  {
    name: 'a snapshot is taken with the configuration of the start',
    file: 'node/consensus/applier.ts',
    find: `    this.#configuration = configuration
  }

  async #install`,
    replace: `    void configuration
  }

  async #install`,
  },
  {
    name: 'a damaged log is believed',
    file: 'node/consensus/group-start.ts',
    find: `  if (found?.state === undefined || found.damage !== undefined) return undefined`,
    replace: `  if (found?.state === undefined) return undefined`,
  },
]

/** What tells of the core without chance. */
const tests = ['consensus/*.test.ts', 'scenarios/*.test.ts']
/** And of the driver. */
const driverTests = ['node/consensus/*.test.ts']

export const raftMutants: readonly Mutant[] = [
  ...[...found, ...known].map(change => ({ ...change, scenario: 'raft', tests })),
  ...driven.map(change => ({ ...change, scenario: 'consensus', tests: driverTests })),
]
