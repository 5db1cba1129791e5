/** So many images, chosen by one seed out of all operations, points and kinds; and how often each came up. */
import { volumeEvents } from '../../io/memory-volume.ts'
import type { VolumeEvent } from '../../io/memory-volume.ts'
import { SeededRandom } from '../../std/random.ts'
import { count } from '../scenario.ts'
import type { Counts } from '../scenario.ts'
import { imageKinds, secondCrashes, takePoints, tryImage } from './images.ts'
import type { ImageKind, Point } from './images.ts'
import type { Story } from './stories.ts'

/** Images of one telling of a story: the more, the fewer different ones there are. */
const imagesPerTelling = 12
/** With fewer images of an operation than this, some kinds cannot come up. */
const imagesForAllKinds = 3 * imageKinds.length

export interface ImageFailure {
  readonly image: number
  readonly what: string
  readonly error: Error
}

export class ImageRun {
  readonly #stories: readonly Story[]
  readonly #seed: number
  readonly #images: number
  readonly #imagesOf: Counts = {}
  readonly #kinds: Counts = {}
  readonly #kindsOf: Counts = {}
  readonly #eventsOf: Counts = {}
  readonly #points: Counts = {}
  readonly #seconds: Counts = {}
  count = 0

  constructor(stories: readonly Story[], seed: number, images: number) {
    this.#stories = stories
    this.#seed = seed
    this.#images = images
  }

  /** All of them, or the one of a number; the first that fails. */
  async run(only?: number): Promise<ImageFailure | undefined> {
    const random = new SeededRandom(this.#seed)
    const tellings = Math.ceil(this.#images / imagesPerTelling)
    for (let telling = 0; telling < tellings; telling++) {
      const story = this.#stories[telling % this.#stories.length]!
      const seed = random.below(2 ** 32)
      const seeds = Array.from({ length: imagesPerTelling }, () => random.below(2 ** 32))
      const first = telling * imagesPerTelling
      const images = Math.min(imagesPerTelling, this.#images - first)
      if (only !== undefined && (only < first || only >= first + images)) continue
      const failure = await this.#tell(story, seed, seeds.slice(0, images), first, only)
      if (failure !== undefined) return failure
    }
    return undefined
  }

  /** What was planned and did not come up. */
  missing(): string[] {
    const missing: string[] = []
    const perStory = this.#images / this.#stories.length
    for (const { operation, events } of this.#stories) {
      for (const event of perStory < imagesForAllKinds ? [] : events) {
        if ((this.#eventsOf[`${operation}: ${event}`] ?? 0) === 0) missing.push(`${operation}: ${event}`)
      }
      for (const kind of perStory < imagesForAllKinds ? [] : imageKinds) {
        if ((this.#kindsOf[`${operation}: ${kind}`] ?? 0) === 0) missing.push(`${operation}: ${kind}`)
      }
    }
    for (const event of perStory < imagesForAllKinds ? [] : volumeEvents) {
      if (!Object.keys(this.#eventsOf).some(name => name.endsWith(`: ${event}`))) missing.push(event)
    }
    for (const kind of imageKinds) if ((this.#kinds[kind] ?? 0) === 0) missing.push(kind)
    for (const second of secondCrashes) if ((this.#seconds[second] ?? 0) === 0) missing.push(`second crash ${second}`)
    return missing
  }

  report(): string[] {
    const lines = ['images by operation, of so many points, and what had just happened there:']
    for (const { operation } of this.#stories) {
      const events = Object.entries(this.#eventsOf)
        .filter(([name]) => name.startsWith(`${operation}: `))
        .map(([name, times]) => `${times} ${name.slice(operation.length + 2)}`)
      const images = `${this.#imagesOf[operation] ?? 0} of ${this.#points[operation] ?? 0}`
      lines.push(`  ${operation.padEnd(20)} ${images.padStart(12)}  ${events.toSorted().join(', ')}`)
    }
    lines.push(
      'by what the crash left:',
      ...tally(this.#kinds),
      'the start from it was crashed:',
      ...tally(this.#seconds),
    )
    return lines
  }

  async #tell(
    story: Story,
    seed: number,
    seeds: readonly number[],
    first: number,
    only: number | undefined,
  ): Promise<ImageFailure | undefined> {
    const { operation } = story
    let points: readonly Point[]
    try {
      const taken = await takePoints(story, seed, seeds.length)
      points = taken.points
      for (const times of taken.seen.values()) this.#points[operation] = (this.#points[operation] ?? 0) + times
    } catch (error) {
      return { image: first, what: operation, error: error as Error }
    }
    for (const [index, imageSeed] of seeds.entries()) {
      // Every kind comes up in its turn, with every operation.
      const kind = imageKinds[(first / imagesPerTelling + index) % imageKinds.length]!
      const suitable = kind === 'killed in a write' ? points.filter(each => each.event === 'write') : points
      const point = suitable[index % Math.max(1, suitable.length)]
      if (point === undefined || (only !== undefined && only !== first + index)) continue
      const second = secondCrashes[imageSeed % secondCrashes.length]!
      try {
        const outcome = await tryImage(point, kind, second, imageSeed)
        this.#note(operation, point.event, outcome.kind, outcome.second, outcome.secondKind)
      } catch (error) {
        const what = `${operation}, point ${point.number} (${point.event}), ${kind}; then a crash ${second}`
        return { image: first + index, what, error: error as Error }
      }
    }
    return undefined
  }

  #note(operation: string, event: VolumeEvent, kind: ImageKind, second: string, secondKind: ImageKind | undefined) {
    this.count += 1
    count(this.#imagesOf, operation)
    count(this.#eventsOf, `${operation}: ${event}`)
    count(this.#kinds, kind)
    count(this.#kindsOf, `${operation}: ${kind}`)
    count(this.#seconds, second)
    if (secondKind !== undefined) count(this.#kinds, secondKind)
  }
}

function tally(counts: Counts): string[] {
  const names = Object.keys(counts).toSorted()
  return names.map(name => `  ${String(counts[name]).padStart(6)} ${name}`)
}
