/** What happens in a story about the logs of one broker, as data: a plan drawn from a seed, of which any part can be told alone. */

import type { CompressionType } from '../../protocol/records/compression/index.ts'
import { SeededRandom } from '../../std/random.ts'
import type { LogConfig } from '../../log/log-config.ts'
import { shapes, type ShapeName, shapeNames } from './log-shapes.ts'

export type ProducerMode = 'next' | 'retry' | 'gap' | 'old epoch' | 'new epoch'
/** `text` is any of the small files with a checksum that Kafka does not see. */
export type FileKind = 'log' | 'index' | 'timeindex' | 'txnindex' | 'snapshot' | 'text'
export type Misread = 'flipped bit' | 'misdirected' | 'short'

/** `names`: of those that change what is in a folder, or make that durable; otherwise of all that change anything. */
export interface Within {
  readonly of: 'renames' | 'names' | 'changes'
  readonly operations: number
}

/** What a step is about, and, when it is not waited for, how long the story lets it run before it goes on. */
interface OfTopic {
  readonly topic: number
  readonly lingerMs?: number
}

/** Shares are numbers in [0, 1), of whatever there is when the step is taken. */
export type Step =
  | (OfTopic & {
      readonly kind: 'produce'
      readonly producer: number
      readonly mode: ProducerMode
      /** Keys of the records of each batch; the upper half of the key numbers are tombstones. */
      readonly batches: readonly (readonly number[])[]
      readonly valueBytes: number
      readonly codec: CompressionType
      /** How much older (or, below zero, newer) than now the records say they are. */
      readonly ageMs: number
      readonly share: number
    })
  | (OfTopic & { readonly kind: 'end transaction'; readonly producer: number; readonly commits: boolean })
  /** Only leaders of compacted logs leave out offsets. */
  | (OfTopic & { readonly kind: 'replicate'; readonly gap: number; readonly keys: readonly number[] })
  | (OfTopic & { readonly kind: 'commit'; readonly share: number })
  | (OfTopic & { readonly kind: 'settle' | 'flush' | 'roll' | 'epoch' | 'delete topic' })
  /** Nothing that is not committed is ever removed. */
  | (OfTopic & { readonly kind: 'retention'; readonly commits: boolean })
  /** Open transactions hold compaction back; perhaps they are ended first. */
  | (OfTopic & { readonly kind: 'clean'; readonly endsTransactions: boolean })
  | (OfTopic & { readonly kind: 'compare' | 'read' | 'look up'; readonly share: number; readonly maxBytes: number })
  | (OfTopic & { readonly kind: 'truncate' | 'delete records'; readonly share: number })
  /** Behind where it ends, or back among the offsets that it has had. */
  | (OfTopic & { readonly kind: 'start over'; readonly share: number; readonly goesBack?: boolean })
  | (OfTopic & { readonly kind: 'settings'; readonly retentionMs: number; readonly retentionBytes: number })
  | (OfTopic & { readonly kind: 'move'; readonly directory: number })
  | (OfTopic & { readonly kind: 'misread'; readonly misread: Misread; readonly times: number; readonly share: number })
  | (OfTopic & { readonly kind: 'rot'; readonly file: FileKind; readonly share: number; readonly bit: number })
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart' }
  | {
      readonly kind: 'crash' | 'power cut'
      readonly downMs: number
      /** Not at once, but within what has just been begun: when the disk has been asked for so many operations. */
      readonly within?: Within
      /** The process is being ended in order meanwhile. */
      readonly closing?: boolean
      /** Further ends of the next starts, each so long after its beginning. */
      readonly again: readonly {
        readonly how: 'crash' | 'power cut'
        readonly afterMs: number
        readonly within?: Within | undefined
      }[]
      /** What the power cut leaves depends on this alone. */
      readonly salt: number
    }
  | { readonly kind: 'I/O error' | 'failed sync'; readonly directory: number; readonly after: number }
  | { readonly kind: 'full disk'; readonly roomBytes: number; readonly ms: number; readonly topic: number }
  | { readonly kind: 'slow disk'; readonly meanMs: number }
  | { readonly kind: 'stall'; readonly ms: number; readonly of: 'write' | 'sync' | 'read' | 'rename' }

export type StepKind = Step['kind']
/** The steps that may be of this kind. */
export type StepOf<Kind extends StepKind> = Having<Step, Kind>
type Having<S, Kind> = S extends { readonly kind: infer K } ? ([Kind & K] extends [never] ? never : S) : never

export interface TopicPlan {
  readonly name: string
  readonly shape: ShapeName
  readonly config: LogConfig
}

export interface LogPlan {
  readonly directories: readonly string[]
  readonly topics: readonly TopicPlan[]
  readonly cacheBudgetBytes: number
  readonly dedupeBufferBytes: number
  readonly steps: readonly Step[]
}

/** How often each kind comes; a theme makes some of them more frequent. */
type Weights = Partial<Record<StepKind, number>>

const base: Weights = {
  produce: 24,
  'end transaction': 4,
  commit: 8,
  settle: 2,
  flush: 2,
  roll: 2,
  epoch: 1,
  compare: 2,
  read: 4,
  'look up': 2,
  wait: 3,
  restart: 1,
  crash: 1,
  'power cut': 3,
}

/** A story is short and has one theme, so that what belongs together comes together. */
const themes: readonly { readonly name: string; readonly weights: Weights; readonly shapes?: readonly ShapeName[] }[] =
  [
    {
      name: 'durability',
      weights: { 'power cut': 6, flush: 4, roll: 3 },
      shapes: ['flushed', 'plain', 'tiny', 'timed'],
    },
    { name: 'ends', weights: { truncate: 5, 'power cut': 4, replicate: 3, epoch: 3, 'start over': 1 } },
    {
      name: 'starts',
      weights: { 'delete records': 3, retention: 8, settings: 2, wait: 6 },
      shapes: ['aging', 'bounded', 'tiny', 'flushed', 'compact,delete'],
    },
    {
      name: 'compaction',
      weights: { clean: 8, roll: 6, wait: 6, commit: 12, replicate: 3 },
      shapes: ['compact', 'compact', 'compact,delete', 'lagging'],
    },
    {
      name: 'transactions',
      weights: { 'end transaction': 14, truncate: 1, roll: 3, flush: 4, restart: 2, clean: 2, rot: 5 },
    },
    { name: 'churn', weights: { 'delete topic': 6, 'power cut': 4, 'delete records': 2, flush: 3 } },
    { name: 'moves', weights: { move: 8, 'power cut': 4, crash: 2, retention: 1, truncate: 1 } },
    {
      name: 'failures',
      weights: { 'I/O error': 3, 'failed sync': 3, 'full disk': 5, 'power cut': 3, clean: 2, truncate: 1 },
    },
    { name: 'misreads', weights: { misread: 6, rot: 5, read: 10, 'look up': 5, compare: 4, restart: 3, clean: 1 } },
    {
      name: 'slow',
      weights: { 'slow disk': 3, stall: 5, flush: 4, 'power cut': 4, clean: 2, retention: 2, truncate: 1 },
    },
    {
      name: 'everything',
      weights: {
        truncate: 1,
        'delete records': 2,
        retention: 2,
        settings: 1,
        clean: 3,
        'delete topic': 1,
        move: 2,
        'full disk': 1,
        replicate: 1,
      },
    },
  ]

/** Every kind of step that some theme has. */
export const stepKinds: readonly StepKind[] = [
  ...new Set([base, ...themes.map(theme => theme.weights)].flatMap(weights => Object.keys(weights) as StepKind[])),
]

/** What changes files as a whole: a power cut right behind shows whether it was durable when it said so. */
const cutBehind: ReadonlySet<StepKind> = new Set([
  'flush',
  'roll',
  'retention',
  'clean',
  'truncate',
  'delete records',
  'start over',
  'delete topic',
  'move',
])

const directories = ['/logs-a', '/logs-b']
export const keyCount = 6
/** 0 has no producer id, 1 and 2 are idempotent, 3 to 5 are transactional. */
export const producerCount = 6
const compactionShare = 0.15
/** How often a step ends within it; any other that changes files as a whole does in 0.15. Most of what retention is asked for removes nothing. */
const withinShares: { readonly [kind in StepKind]?: number } = { clean: 0.5, retention: 0.4, restart: 0.3 }
const episodeShare = 0.2
const stepsMin = 8
const stepsMax = 45

export function planLogStory(seed: number): LogPlan {
  const random = new SeededRandom(seed).fork('log plan')
  // Drawn apart, so that the rest of a seed's story stays what it was.
  const apart = new SeededRandom(seed).fork('log plan: ends within')
  const drawn = random.pick(themes)
  // Compaction takes the most steps of all until something of it is in place.
  const theme = apart.chance(compactionShare) ? themes.find(({ name }) => name === 'compaction')! : drawn
  const topicCount = random.pick([1, 1, 2, 3])
  const aging = new SeededRandom(seed).fork('log plan: ages')
  const topics = Array.from({ length: topicCount }, (_, index): TopicPlan => {
    const shape = random.pick(theme.shapes ?? shapeNames)
    return { name: `t${index}`, shape, config: shapes[shape] }
  }).map((topic): TopicPlan => {
    // Nothing but its age makes such a log due.
    const waits = topic.shape === 'lagging' && aging.chance(0.5)
    return waits ? { ...topic, config: { ...topic.config, minCleanableDirtyRatio: 1 } } : topic
  })
  const weights = Object.entries({ ...base, ...theme.weights }) as [StepKind, number][]
  const drawer = new StepDrawer(random, topicCount)
  const count = random.between(stepsMin, stepsMax)
  const within = new StepDrawer(apart, topicCount)
  const episodes = new StepDrawer(new SeededRandom(seed).fork('log plan: episodes'), topicCount)
  return {
    directories,
    topics,
    cacheBudgetBytes: random.pick([0, 2000, 1_000_000]),
    dedupeBufferBytes: random.pick([120, 10_000]),
    steps: Array.from({ length: count }, () => drawer.draw(pickWeighted(random, weights)))
      .flatMap(step => (cutBehind.has(step.kind) && random.chance(0.2) ? [step, drawer.draw('power cut')] : [step]))
      .flatMap(step => within.endWithin(step))
      .flatMap(step => episodes.episode(step)),
  }
}

function pickWeighted(random: SeededRandom, weights: readonly (readonly [StepKind, number])[]): StepKind {
  let left = random.below(weights.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [kind, weight] of weights) {
    if (left < weight) return kind
    left -= weight
  }
  throw new RangeError('weights do not add up')
}

class StepDrawer {
  readonly #random: SeededRandom
  readonly #topicCount: number

  constructor(random: SeededRandom, topicCount: number) {
    this.#random = random
    this.#topicCount = topicCount
  }

  draw(kind: StepKind): Step {
    const random = this.#random
    const topic = random.below(this.#topicCount)
    const share = random.float()
    switch (kind) {
      case 'produce':
        return { ...this.#produce(), topic, share }
      case 'end transaction':
        return { kind, topic, producer: random.between(3, producerCount - 1), commits: random.chance(0.5) }
      case 'replicate':
        return { kind, topic, gap: random.chance(0.5) ? 0 : random.pick([1, 2, 7, 100]), keys: this.#keys(4) }
      case 'commit':
        return { kind, topic, share: random.chance(0.7) ? 1 : share }
      case 'settle':
      case 'epoch':
        return { kind, topic }
      case 'flush':
      case 'roll':
      case 'delete topic':
        return { kind, topic, ...this.#linger() }
      case 'retention':
        return { kind, topic, commits: random.chance(0.8), ...this.#linger() }
      case 'clean':
        return { kind, topic, endsTransactions: random.chance(0.7), ...this.#linger() }
      case 'truncate':
      case 'delete records':
      case 'start over':
        return { kind, topic, share: random.chance(0.2) ? 1 : share, ...this.#linger() }
      case 'read':
      case 'compare':
      case 'look up':
        return { kind, topic, share, maxBytes: random.pick([1, 300, 1000, 5000]) }
      case 'settings':
        return {
          kind,
          topic,
          retentionMs: random.pick([-1, 1000, 60_000]),
          retentionBytes: random.pick([-1, 0, 1500, 5000]),
        }
      case 'move':
        return { kind, topic, directory: random.below(directories.length), ...this.#linger() }
      case 'misread':
        return {
          kind,
          topic,
          share,
          misread: random.pick(['flipped bit', 'misdirected', 'short']),
          times: random.between(1, 4),
        }
      case 'rot':
        return {
          kind,
          topic,
          share,
          file: random.pick([
            'log',
            'log',
            'snapshot',
            'index',
            'timeindex',
            'txnindex',
            'txnindex',
            'txnindex',
            'text',
            'text',
          ]),
          bit: random.below(8),
        }
      default:
        return this.#drawOther(kind)
    }
  }

  /**
   * What changes files as a whole takes a few operations of the disk, between which every end of the process counts as much as any other, however little time there is; so do a start and
   * an orderly end.
   */
  endWithin(step: Step): Step[] {
    const random = this.#random
    if (step.kind === 'crash' || step.kind === 'power cut') {
      return [
        {
          ...step,
          again: step.again.map(each => ({ ...each, within: random.chance(0.5) ? this.#within() : undefined })),
        },
      ]
    }
    const isEnd = step.kind === 'restart'
    const share = withinShares[step.kind] ?? 0.15
    if (!(isEnd || cutBehind.has(step.kind)) || !random.chance(share)) return [step]
    const end = {
      kind: random.pick(['crash', 'power cut', 'power cut', 'power cut'] as const),
      downMs: 0,
      // What a cleaning has written is put in place by renaming it, and what it replaces, in some steps at its end.
      within:
        step.kind === 'clean' && random.chance(0.6)
          ? ({ of: 'renames', operations: random.between(2, 10) } as const)
          : this.#within(),
      closing: isEnd,
      again: this.#again(),
      salt: random.uint32(),
    }
    if (isEnd) return [end]
    const begun = { ...step, lingerMs: 0 } as Step
    if (step.kind !== 'retention' || !random.chance(0.5)) return [begun, end]
    // Otherwise it seldom removes more than one segment.
    return [{ kind: 'settings', topic: step.topic, retentionMs: -1, retentionBytes: 0 }, begun, end]
  }

  /** What belongs together to show something, and what chance would seldom bring together. */
  episode(step: Step): Step[] {
    const random = this.#random
    // Of what is not waited for, what comes next shows something already.
    if ('lingerMs' in step && step.lingerMs !== undefined) return [step]
    if (step.kind === 'start over') return this.#startBack(step.topic)
    if (!random.chance(episodeShare)) return [step]
    switch (step.kind) {
      case 'clean':
        if (random.chance(0.6)) return [step, ...this.#letAge(step.topic)]
        return [step, ...this.#startBack(step.topic), { kind: 'clean', topic: step.topic, endsTransactions: true }]
      case 'move':
        return this.#moveBack(step)
      case 'flush':
        return this.#flushAgain(step.topic)
      case 'replicate':
        return [step, ...this.#cutIntoGap(step)]
      case 'retention':
      case 'delete records':
        return [step, ...this.#removeOld(step.topic)]
      default:
        return [step]
    }
  }

  /**
   * A replica whose leader begins before it ends is started over there, and gets other batches of offsets that it has had: nothing that it knew of the old ones may be left, of producers, of leader
   * epochs, of what is compacted. What an orderly end has left is to be there before, and something is to ask behind it.
   */
  #startBack(topic: number): Step[] {
    const random = this.#random
    return [
      ...(random.chance(0.5) ? [{ kind: 'restart' } as const] : []),
      { kind: 'start over', topic, share: random.float(), goesBack: random.chance(0.6) },
      ...this.#next(topic, random.between(1, 5), [0, 1]),
      { kind: 'commit', topic, share: 1 },
      random.chance(0.5) ? { kind: 'flush', topic } : { kind: 'roll', topic },
      ...this.#next(topic, random.between(1, 2), [0, 1]),
      random.chance(0.5) ? { kind: 'truncate', topic, share: random.float() } : this.draw('power cut'),
    ]
  }

  /**
   * What compaction keeps for some time goes with the second or third cleaning behind that which has taken everything before it: a tombstone, the marker of a transaction that is superseded
   * or aborted. And what is too young, or not dirty enough, is compacted when it is old.
   */
  #letAge(topic: number): Step[] {
    const random = this.#random
    const producer = random.between(3, producerCount - 1)
    const transaction = (commits: boolean): Step[] => [
      ...this.#next(topic, 1, [producer]),
      { kind: 'end transaction', topic, producer, commits },
    ]
    const clean: Step = { kind: 'clean', topic, endsTransactions: true }
    return [
      ...transaction(random.chance(0.5)),
      ...transaction(true),
      ...[1, 2, 3, 4].flatMap((): Step[] => [
        ...this.#next(topic, 1, [0, 1]),
        clean,
        { kind: 'wait', ms: random.pick([500, 70_000, 110_000]) },
      ]),
      ...this.#next(topic, 1, [0]),
      clean,
    ]
  }

  /** What its leader has left out is where a replica is cut back to. */
  #cutIntoGap({ topic, gap }: StepOf<'replicate'>): Step[] {
    if (gap === 0) return []
    const random = this.#random
    const power = { ...this.draw('power cut'), within: this.#within() } as Step
    // Of these shares, each falls into a gap where there is one: see `LogModel.boundaryAt`.
    const cut: Step = { kind: 'truncate', topic, share: random.below(1000) / 1000 + 0.0001 }
    return random.chance(0.5) ? [cut] : [{ ...cut, lingerMs: 0 }, power]
  }

  /** There and back again, wherever it was, and the power goes on the last way: each place has been the other's copy. */
  #moveBack({ topic, directory }: StepOf<'move'>): Step[] {
    const other = (directory + 1) % directories.length
    return [
      ...this.#next(topic, 1, [0, 1]),
      { kind: 'flush', topic },
      { kind: 'move', topic, directory },
      { kind: 'move', topic, directory: other },
      { kind: 'move', topic, directory, lingerMs: 0 },
      { ...this.draw('power cut'), within: this.#within() } as Step,
    ]
  }

  /**
   * What a producer has written goes with the oldest segments, and what is known of it is in a snapshot, when the power is cut. The segments that stay have begun in the very first batches
   * after a start, or each for itself. They go because they were deleted, or because there is too much.
   */
  #removeOld(topic: number): Step[] {
    const random = this.#random
    const roll: Step = { kind: 'roll', topic }
    const rolled = (times: number): Step[] =>
      Array.from({ length: times }, () => [...this.#next(topic, 1, [0, 2]), roll]).flat()
    const leave: Step = random.chance(0.4)
      ? { kind: 'delete records', topic, share: random.chance(0.5) ? 1 : random.float() }
      : { kind: 'settings', topic, retentionMs: -1, retentionBytes: random.pick([0, 700, 1500]) }
    return [
      ...this.#next(topic, 1, [1]),
      roll,
      ...(random.chance(0.4) ? [{ kind: 'restart' } as const] : rolled(random.between(2, 4))),
      ...this.#next(topic, random.between(2, 5), [0, 2]),
      { kind: 'commit', topic, share: 1 },
      leave,
      { kind: 'retention', topic, commits: false, lingerMs: 0 },
      {
        ...this.draw('power cut'),
        within: { of: 'names', operations: random.between(1, random.pick([10, 20, 40])) },
      } as Step,
    ]
  }

  /** What is flushed lies behind what has been, in the same segment, and the power goes meanwhile: of several writes perhaps only a later one is there, and what an index says of it. */
  #flushAgain(topic: number): Step[] {
    const random = this.#random
    const flush: Step = { kind: 'flush', topic }
    const write = (): Step[] => [...this.#next(topic, random.between(1, 2), [0, 1]), { kind: 'settle', topic }]
    return [
      ...write(),
      flush,
      ...write(),
      ...write(),
      ...write(),
      { ...flush, lingerMs: 0 },
      { ...this.draw('power cut'), within: { of: 'changes', operations: random.between(1, 8) } } as Step,
    ]
  }

  /** So many steps in which one of these producers goes on. */
  #next(topic: number, times: number, producers: readonly number[]): Step[] {
    return Array.from({ length: times }, () => ({
      ...this.#produce(),
      lingerMs: 0,
      mode: 'next',
      ageMs: 0,
      producer: this.#random.pick(producers),
      topic,
      share: this.#random.float(),
    }))
  }

  #within(): Within {
    const random = this.#random
    const most = random.pick([5, 12, 30])
    return { of: random.pick(['renames', 'names', 'names', 'changes'] as const), operations: random.between(1, most) }
  }

  #drawOther(kind: Exclude<StepKind, Extract<Step, OfTopic>['kind']> | 'full disk'): Step {
    const random = this.#random
    switch (kind) {
      case 'wait':
        return { kind, ms: random.pick([5, 500, 6000, 70_000]) }
      case 'restart':
        return { kind }
      case 'crash':
      case 'power cut':
        return { kind, downMs: random.pick([0, 500, 60_000]), again: this.#again(), salt: random.uint32() }
      case 'I/O error':
      case 'failed sync':
        return { kind, directory: random.below(directories.length), after: random.below(6) }
      case 'full disk':
        return {
          kind,
          roomBytes: random.pick([0, 100, 1000, 3000]),
          ms: random.between(5, 300) * 1000,
          topic: random.below(this.#topicCount),
        }
      case 'slow disk':
        return { kind, meanMs: random.pick([1, 20, 1000]) }
      case 'stall':
        return { kind, ms: random.pick([100, 5000, 30_000]), of: random.pick(['write', 'sync', 'read', 'rename']) }
    }
  }

  #produce(): Omit<StepOf<'produce'>, 'topic' | 'share'> {
    const random = this.#random
    const mode = random.chance(0.75)
      ? 'next'
      : random.pick(['retry', 'retry', 'gap', 'old epoch', 'new epoch'] as const)
    return {
      kind: 'produce',
      producer: random.below(producerCount),
      mode,
      batches: Array.from({ length: random.pick([1, 1, 2, 5]) }, () => this.#keys(5)),
      valueBytes: random.pick([1, 30, 120, 500]),
      codec: random.chance(0.85) ? 'none' : random.pick(['snappy', 'lz4'] as const),
      ageMs: random.chance(0.8) ? 0 : random.pick([-100_000, -5000, 5000, 100_000, 150_000]),
      ...(random.chance(0.5) ? this.#linger() : {}),
    }
  }

  #keys(most: number): number[] {
    return Array.from({ length: this.#random.between(1, most) }, () => this.#random.below(2 * keyCount))
  }

  /** Whether the story waits for what it has begun. */
  #linger(): { lingerMs?: number } {
    const random = this.#random
    return random.chance(0.6) ? {} : { lingerMs: random.chance(0.2) ? 0 : random.exponential(4) }
  }

  #again(): { how: 'crash' | 'power cut'; afterMs: number }[] {
    const random = this.#random
    const count = random.chance(0.75) ? 0 : random.between(1, 2)
    return Array.from({ length: count }, () => ({
      how: random.pick(['crash', 'power cut'] as const),
      afterMs: random.exponential(6),
    }))
  }
}

/** One line for a person. */
export function describeStep(step: Step): string {
  const { kind, ...rest } = step
  return `${kind} ${JSON.stringify(rest)}`
}
