/**
 * The `.kafka_cleanshutdown` file: a log directory that has it was closed in order, so that nothing in it needs to be recovered. It is written
 * last and removed before the first change.
 */

export interface CleanShutdown {
  /** −1 for a broker that has none, or a file that states none, as older releases of Kafka leave it empty. */
  readonly brokerEpoch: number
  /** Of the shutdown state beside it (`shutdown-state.ts`); undefined where there is none. Kafka takes no notice of it, and writes none. */
  readonly stateChecksum?: number | undefined
}

export function formatCleanShutdown({ brokerEpoch, stateChecksum }: CleanShutdown): string {
  return JSON.stringify({ version: 0, brokerEpoch, ottlaStateChecksum: stateChecksum })
}

export function parseCleanShutdown(text: string): CleanShutdown {
  try {
    const content = JSON.parse(text) as {
      version?: unknown
      brokerEpoch?: unknown
      ottlaStateChecksum?: unknown
    } | null
    if (content?.version !== 0) return { brokerEpoch: -1 }
    const { brokerEpoch, ottlaStateChecksum: stateChecksum } = content
    return {
      brokerEpoch: isNumber(brokerEpoch) ? brokerEpoch : -1,
      ...(isNumber(stateChecksum) ? { stateChecksum } : {}),
    }
  } catch {
    return { brokerEpoch: -1 }
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value)
}
