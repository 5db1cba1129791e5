/** What a broker says of itself and of its cluster, before there are topics. */

import { forVersions } from '../step.ts'
import type { Step } from '../step.ts'

const client = { clientSoftwareName: 'differential', clientSoftwareVersion: '1.0' }

export function clusterSteps(): Step[] {
  return [
    ...forVersions('ApiVersions', [0, 4], 'of a well-named client', () => client),
    ...forVersions('ApiVersions', [3, 4], 'of a client without a name', () => ({ ...client, clientSoftwareName: '' })),
    ...forVersions('ApiVersions', [3, 4], 'of a client with a hostile name', () => ({
      ...client,
      clientSoftwareName: 'a b',
    })),
    ...forVersions('ApiVersions', [3, 4], 'of a client whose version ends in a dash', () => ({
      ...client,
      clientSoftwareVersion: '1-',
    })),
    ...forVersions('SaslHandshake', [0, 1], 'where nobody has to authenticate', () => ({ mechanism: 'PLAIN' })),
    ...forVersions('SaslAuthenticate', [0, 2], 'where nobody has to authenticate', () => ({
      authBytes: Buffer.from('\0user\0secret'),
    })),
    ...forVersions('DescribeCluster', [0, 2], 'plain', () => ({})),
    ...forVersions('DescribeCluster', [0, 2], 'with operations', () => ({ includeClusterAuthorizedOperations: true })),
    ...forVersions('DescribeCluster', [1, 2], 'controllers asked at a broker', () => ({ endpointType: 2 })),
    ...forVersions('DescribeCluster', [1, 2], 'unknown endpoint type', () => ({ endpointType: 7 })),
    ...forVersions('DescribeCluster', [2, 2], 'with fenced brokers', () => ({ includeFencedBrokers: true })),
    ...forVersions('UnregisterBroker', [0, 0], 'that does not exist', () => ({ brokerId: 77 })),
    ...forVersions('UpdateFeatures', [0, 1], 'nothing', () => ({ featureUpdates: [] })),
    ...forVersions('UpdateFeatures', [0, 1], 'unknown feature', version => ({
      featureUpdates: [
        { feature: 'no.such.feature', maxVersionLevel: 1, ...(version === 0 ? {} : { upgradeType: 1 }) },
      ],
    })),
    ...forVersions('UpdateFeatures', [1, 2], 'level out of range', () => ({
      featureUpdates: [{ feature: 'metadata.version', maxVersionLevel: 999, upgradeType: 1 }],
      validateOnly: true,
    })),
    ...forVersions('UpdateFeatures', [1, 2], 'negative level', () => ({
      featureUpdates: [{ feature: 'metadata.version', maxVersionLevel: -1, upgradeType: 1 }],
      validateOnly: true,
    })),
    ...forVersions('UpdateFeatures', [1, 2], 'unknown upgrade type', () => ({
      featureUpdates: [{ feature: 'metadata.version', maxVersionLevel: 30, upgradeType: 9 }],
      validateOnly: true,
    })),
  ]
}
