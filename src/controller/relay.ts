/**
 * A controller in another process of this machine: a broker that is never controller itself passes on to it what it is asked to change, whichever
 * broker a client asks.
 *
 * Kafka's clients send most of what is for the controller to the broker that Metadata names as such, and some of it (settings, producer ids) to any
 * broker. Kafka's own brokers pass on both (KIP-590).
 */

import type { LinkCalls } from '../io/link-calls.ts'
import type { Controller } from './controller.ts'

/** What is passed on: the methods of `Controller` that change something. */
export type RelayedName =
  | 'createTopics'
  | 'createInternalTopic'
  | 'deleteTopics'
  | 'createPartitions'
  | 'alterConfigs'
  | 'incrementalAlterConfigs'
  | 'alterPartitionReassignments'
  | 'updateFeatures'
  | 'unregisterBroker'
  | 'allocateProducerIdBlock'
  | 'alterPartitions'
  | 'electLeaders'

export interface RelayedRequest {
  readonly name: RelayedName
  readonly arguments: readonly unknown[]
}

export interface ControllerRelay {
  /** What the controller's method of that name returns. Rejects when it cannot be reached: nobody knows then whether it was done. */
  request(request: RelayedRequest): Promise<unknown>
}

const callName = 'controller.request'

/** The controller at the other end. */
export function relayOver(calls: LinkCalls): ControllerRelay {
  return { request: request => calls.call(callName, request) }
}

/** Carries out what the other end passes on. */
export function serveController(calls: LinkCalls, controller: Controller): void {
  calls.onCall(callName, request => {
    const { name, arguments: values } = request as RelayedRequest
    return Reflect.apply(controller[name], controller, values)
  })
}
