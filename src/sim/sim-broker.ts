/** A whole broker on a simulated machine, started as the command line starts it. What it logs goes into the trace. */

import type { Broker, MetadataPlace } from '../broker/broker.ts'
import { launch } from '../broker/launch.ts'
import type { Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { loadBrokerConfig } from '../metadata/config/load.ts'
import { assert } from '../std/assert.ts'
import type { LogRecord } from '../std/logger.ts'

export const brokerPort = 9092
export const dataFolder = '/data'

export interface SimBroker {
  readonly broker: Broker
  readonly io: Io
  /** Warnings and errors that were logged. */
  readonly complaints: readonly LogRecord[]
  /** What the broker said it cannot go on with. Its owner has to stop it. */
  readonly fatal: Error | undefined
}

/** Boots the machine and starts a broker on it, its data in `/data` unless `log.dirs` says otherwise, listening on port 9092 of every address. `onLogged` hears of all that it logs. */
export async function startSimBroker(
  machine: Machine,
  settings: Readonly<Record<string, string | number | boolean>> = {},
  metadata: MetadataPlace = { kind: 'own', brokerCount: 1 },
  onLogged: (record: LogRecord) => void = () => {},
): Promise<SimBroker> {
  const io = machine.boot()
  const life = machine.lifeName
  const loaded = loadBrokerConfig({
    environment: {},
    overrides: Object.entries(settings).map(([key, value]) => `${key}=${value}`),
    flags: { host: '0.0.0.0', port: brokerPort, dataFolder: 'log.dirs' in settings ? undefined : dataFolder },
    defaultDataFolder: dataFolder,
  })
  assert(loaded.problems.length === 0, () => loaded.problems.join('\n'))
  const complaints: LogRecord[] = []
  const state: { fatal: Error | undefined } = { fatal: undefined }
  const broker = await launch(io, {
    loaded,
    logLevel: 'info',
    sink: record => {
      machine.events.trace(life, `log ${record.level} ${record.message}`)
      if (record.level !== 'info') complaints.push(record)
      onLogged(record)
    },
    memoryBytes: 512 * 1024 * 1024,
    caseInsensitiveDisk: false,
    descriptorsMax: undefined,
    metadata,
    onFatal: cause => {
      machine.events.trace(life, `fatal ${cause.message}`)
      state.fatal = cause
    },
  })
  return {
    broker,
    io,
    complaints,
    get fatal() {
      return state.fatal
    },
  }
}
