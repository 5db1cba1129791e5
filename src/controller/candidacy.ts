/**
 * A broker's part in the cluster's coordination: its session with the store, its registration, and its standing for controller, term after term.
 *
 * Lifecycle: `start` resolves when the broker is registered, by itself as controller or by another one. From then on it holds the office whenever it can
 * get it, unless it was given a relay to a controller elsewhere. When the session ends or the store's content cannot be followed any more, `onFatal` hears of it, and nothing here goes on.
 */

import type { Io } from '../io/io.ts'
import { NewerMetadataError } from '../metadata/delta.ts'
import type { BrokerSession } from '../metadata/metadata-keys.ts'
import { BROKERS_PREFIX, CONTROLLER_PREFIX } from '../metadata/metadata-keys.ts'
import type { MetadataLog } from '../metadata/metadata-log.ts'
import { MetadataWriter } from '../metadata/metadata-writer.ts'
import { StoreUnavailableError } from '../metadata/store.ts'
import type { StoreSession } from '../metadata/store.ts'
import type { Logger } from '../std/logger.ts'
import { announceShutdown, putSession, readSessions } from './broker-sessions.ts'
import { syncBrokers } from './brokers.ts'
import { ControlState } from './control-state.ts'
import type { ControllerOptions } from './controller-options.ts'
import { elect } from './election.ts'
import type { ElectionOutcome } from './election.ts'
import { stageInitialFeatures } from './features.ts'
import { Office } from './office.ts'

/** Why a broker cannot take part, in one line for a person. */
export class ControllerStartError extends Error {
  override readonly name = 'ControllerStartError'
  readonly kind: 'other-cluster' | 'duplicate-broker' | 'store-unavailable'

  constructor(kind: ControllerStartError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

type Elected = Extract<ElectionOutcome, { kind: 'elected' }>

/** After trouble with the store. */
const RETRY_MS = 200
/** How long a broker that stops waits for its leaderships to be moved. */
const HANDOVER_MS_MAX = 5000

export class Candidacy {
  readonly #io: Io
  readonly #options: ControllerOptions
  readonly #log: MetadataLog
  readonly #session: StoreSession
  readonly #logger: Logger
  /** While this broker is elected, and once its term has begun with what every term begins with. */
  #term: Office | undefined
  #office: Office | undefined
  /** The brokers' sessions as the office has last seen them. */
  #sessions: ReadonlyMap<number, BrokerSession> = new Map()
  #isStarted = false
  #isClosed = false
  #failure: Error | undefined
  /** While it starts: called when it may have got where it is to get. */
  #onProgress: () => void = () => {}
  /** Called when something happens that whoever waits should look at. */
  #wake: () => void = () => {}
  #running: Promise<void> | undefined

  private constructor(io: Io, options: ControllerOptions, session: StoreSession) {
    this.#io = io
    this.#options = options
    this.#log = options.log
    this.#session = session
    this.#logger = options.logging.logger('kafka.controller.Controller')
  }

  /** Rejects with ControllerStartError, StoreUnavailableError or NewerMetadataError. */
  static async start(io: Io, options: ControllerOptions): Promise<Candidacy> {
    const timeoutMs = options.config().settings.get('broker.session.timeout.ms')
    const session = await options.log.store.openSession(timeoutMs)
    const candidacy = new Candidacy(io, options, session)
    try {
      await candidacy.#start(timeoutMs)
      return candidacy
    } catch (error) {
      await candidacy.close()
      throw error
    }
  }

  /** While this broker is the controller. */
  get office(): Office | undefined {
    return this.#office
  }

  get sessions(): ReadonlyMap<number, BrokerSession> {
    return this.#sessions
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    if (this.#isStarted && this.#failure === undefined) await this.#handOver()
    this.#isClosed = true
    await this.#term?.close()
    this.#wake()
    await this.#running
    await this.#session.close()
  }

  async #start(sessionTimeoutMs: number): Promise<void> {
    this.#refuseOtherCluster()
    await this.#putSession(sessionTimeoutMs)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#onProgress = () => {
      if (this.#isReady()) resolve()
    }
    const stopListening = this.#log.image.onApplied(this.#onProgress)
    this.#onProgress()
    if (this.#options.relay === undefined) this.#running = this.#stand(reject)
    this.#session.onEnded(cause => this.#fail(cause, reject))
    this.#log.onFailure(cause => this.#fail(cause, reject))
    try {
      await promise
      this.#isStarted = true
    } finally {
      stopListening()
    }
  }

  #refuseOtherCluster(): void {
    const known = this.#log.image.clusterId
    const { clusterId } = this.#options
    if (known === undefined || known === clusterId) return
    throw new ControllerStartError(
      'other-cluster',
      `the metadata is that of cluster ${known}, the data that of cluster ${clusterId}`,
    )
  }

  /** Where the key is there the earlier life of this broker has died a moment ago, or another process uses its id. */
  async #putSession(sessionTimeoutMs: number): Promise<void> {
    const { store } = this.#log
    const { registration } = this.#options
    const deadlineMs = this.#io.clock.monotonicMs() + 2 * sessionTimeoutMs
    for (;;) {
      const outcome = await putSession(store, this.#session, registration)
      if (outcome.kind === 'committed') return
      if (outcome.kind === 'unknown') throw unavailable(outcome.cause)
      if (outcome.kind === 'session-ended') throw unavailable(new Error('the session with it has ended'))
      if (this.#io.clock.monotonicMs() > deadlineMs) {
        throw new ControllerStartError(
          'duplicate-broker',
          `a broker with the id ${registration.brokerId} is running already`,
        )
      }
      await this.#pause()
    }
  }

  /** The image shows this life of the broker; and when it is this broker that put it there, it can do more. */
  #isReady(): boolean {
    const { brokerId, incarnationId } = this.#options.registration
    const { image } = this.#log
    const broker = image.broker(brokerId)
    const isRegistered = broker?.incarnationId === incarnationId && !broker.isFenced
    return isRegistered && (image.controllerId !== brokerId || this.#office !== undefined)
  }

  #fail(cause: Error, reject: (cause: Error) => void): void {
    if (this.#failure !== undefined || this.#isClosed) return
    this.#failure = cause
    this.#term?.end(cause)
    this.#wake()
    if (this.#isStarted) this.#options.onFatal(cause)
    else reject(unavailable(cause))
  }

  /** One term after the other, until the end. */
  async #stand(reject: (cause: Error) => void): Promise<void> {
    const stopWatching = this.#log.store.watch(CONTROLLER_PREFIX, () => this.#wake())
    try {
      while (!this.#isOver()) await this.#standOnce()
    } catch (error) {
      this.#fail(error as Error, reject)
    } finally {
      stopWatching()
    }
  }

  #isOver(): boolean {
    return this.#isClosed || this.#failure !== undefined
  }

  async #standOnce(): Promise<void> {
    const { brokerId: controllerId, incarnationId } = this.#options.registration
    // Taken before the office is looked at, so that no hint is missed in between.
    const hint = this.#nextHint()
    try {
      const outcome = await elect(this.#log.store, { controllerId, incarnationId, session: this.#session })
      if (outcome.kind === 'unknown') throw new StoreUnavailableError(outcome.cause.message, { cause: outcome.cause })
      if (outcome.kind === 'elected') await this.#serve(outcome)
      else await hint
    } catch (error) {
      // Before the start that is a reason not to start.
      if (!this.#isStarted || !(error instanceof StoreUnavailableError)) throw error
      this.#logger.warn('standing for controller failed and is tried again', { cause: error.message })
      if (!this.#isOver()) await this.#pause()
    }
  }

  async #serve({ epoch, guard }: Elected): Promise<void> {
    const { config, caseInsensitiveDisk, canReplicate, registration, logging } = this.#options
    // Everything that earlier controllers wrote is in the store by now: it refuses what they would write from here on.
    await this.#log.catchUp()
    this.#refuseOtherCluster()
    const { image, nextNumber, store } = this.#log
    const nodeId = registration.brokerId
    const { random } = this.#io
    const control = { nodeId, random, caseInsensitiveDisk, canReplicate, config }
    const state = new ControlState(image, nextNumber, control)
    const writer = new MetadataWriter(this.#log, guard, epoch, logging.logger('ottla.metadata.MetadataWriter'))
    const term = new Office(state, writer, this.#logger)
    this.#term = term
    let resync = Promise.resolve()
    const stopWatching = store.watch(BROKERS_PREFIX, () => {
      resync = resync.then(() => this.#syncBrokers(term))
    })
    try {
      await this.#beginTerm(term, epoch)
      const cause = await term.ended
      if (!this.#isOver())
        this.#logger.warn('this broker is not the controller any more', { epoch, cause: cause.message })
    } finally {
      this.#office = undefined
      this.#term = undefined
      stopWatching()
      await resync
    }
  }

  async #beginTerm(office: Office, epoch: number): Promise<void> {
    const { registration, clusterId } = this.#options
    this.#sessions = await readSessions(this.#log.store)
    const begun = office.submit(
      state => {
        state.stage({ type: 'controller-epoch', epoch, controllerId: registration.brokerId })
        if (state.image.clusterId === undefined) state.stage({ type: 'cluster-id', clusterId })
        stageInitialFeatures(state)
        syncBrokers(state, this.#sessions)
        return undefined
      },
      cause => cause,
    )
    const failure = await begun
    if (failure !== undefined) throw new StoreUnavailableError(failure.message, { cause: failure })
    this.#office = office
    this.#onProgress()
    this.#logger.info('this broker is the controller', { epoch })
  }

  async #syncBrokers(office: Office): Promise<void> {
    try {
      this.#sessions = await readSessions(this.#log.store)
    } catch (error) {
      // The session with the store tells of trouble that lasts; with the next hint all sessions are read again.
      this.#logger.warn('the sessions of the brokers could not be read', { cause: (error as Error).message })
      return
    }
    await office.submit(
      state => syncBrokers(state, this.#sessions),
      () => undefined,
    )
  }

  /** Lets another broker lead what this one leads, where there is one. */
  async #handOver(): Promise<void> {
    const { image, store } = this.#log
    const { registration } = this.#options
    const { brokerId } = registration
    const others = [...image.brokers.keys()].filter(id => id !== brokerId && image.isActive(id))
    if (others.length === 0) return
    const isDone = (): boolean => image.broker(brokerId)?.isShuttingDown !== false
    const announced = await announceShutdown(store, registration).catch(() => false)
    if (!announced || isDone()) return
    const done = Promise.withResolvers<void>()
    const stopListening = image.onApplied(() => {
      if (isDone()) done.resolve()
    })
    const timer = this.#io.clock.setTimer(HANDOVER_MS_MAX, done.resolve)
    await done.promise
    timer.cancel()
    stopListening()
  }

  #nextHint(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  async #pause(): Promise<void> {
    const hint = this.#nextHint()
    const timer = this.#io.clock.setTimer(RETRY_MS, this.#wake)
    await hint
    timer.cancel()
  }
}

function unavailable(cause: Error): Error {
  if (cause instanceof ControllerStartError || cause instanceof NewerMetadataError) return cause
  return new ControllerStartError('store-unavailable', `the cluster metadata cannot be used: ${cause.message}`, {
    cause,
  })
}
