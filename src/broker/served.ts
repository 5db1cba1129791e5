/**
 * Every API that this broker serves. Dispatch, ApiVersions and the coverage table of the documentation are all made from this list;
 * what is not in it is not advertised.
 */

import type { ApiHandler } from './api-handler.ts'
import { apiVersions } from './handlers/api-versions.ts'
import { deleteRecords } from './handlers/delete-records.ts'
import { fetch } from './handlers/fetch.ts'
import { findCoordinator } from './handlers/find-coordinator.ts'
import { listOffsets } from './handlers/list-offsets.ts'
import { offsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts'
import { produce } from './handlers/produce.ts'

export const served: readonly ApiHandler[] = [
  produce,
  fetch,
  listOffsets,
  findCoordinator,
  apiVersions,
  deleteRecords,
  offsetForLeaderEpoch,
]
