/**
 * The differences from Kafka 4.3.1 that are meant, each with its reason. `docs/protocol.md` shows them; a difference that is not here
 * is a defect.
 */

import type { ApiName } from '../../src/protocol/apis.ts'

export interface Explained {
  readonly api: ApiName
  /** The field, as the difference's path ends; a step's name may narrow it. */
  readonly path: RegExp
  readonly step?: RegExp
  readonly reason: string
}

export const explained: readonly Explained[] = [
  {
    api: 'ApiVersions',
    path: /^\.apiKeys/,
    reason:
      'Only what is served is advertised: groups, transactions, ACLs and quotas are not there yet. Versions that Kafka 3.9 still served and that need no message conversion are served as well.',
  },
  {
    api: 'ApiVersions',
    path: /[fF]eatures/,
    reason: 'A feature is only advertised where what it stands for is served.',
  },
  {
    api: 'FindCoordinator',
    path: /./,
    reason:
      'No coordinator exists until groups and transactions are served, so every key is answered with COORDINATOR_NOT_AVAILABLE.',
  },
]
