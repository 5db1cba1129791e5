/**
 * The `.kafka_cleanshutdown` file: a log directory that has it was closed in order, so that nothing in it needs to be recovered. It is written
 * last and removed before the first change.
 */

/** −1 for a broker that has none. */
export function formatCleanShutdown(brokerEpoch: number): string {
  return JSON.stringify({ version: 0, brokerEpoch })
}

/** The broker epoch in the file; −1 when it states none, as older releases of Kafka leave it empty. */
export function parseCleanShutdown(text: string): number {
  try {
    const content = JSON.parse(text) as { version?: unknown; brokerEpoch?: unknown } | null
    const epoch = content?.version === 0 ? content.brokerEpoch : undefined
    return typeof epoch === 'number' && Number.isSafeInteger(epoch) ? epoch : -1
  } catch {
    return -1
  }
}
