/**
 * What kubectl takes from an exec plugin, as a JSON Schema. The rule: made from the types of Kubernetes
 * (k8s.io/client-go/pkg/apis/clientauthentication/v1 and v1beta1, types.go; kubernetes.io/docs/reference/config-api/
 * client-authentication.v1), of which `status` must hold a token or a pair of certificate and key; ours is the token.
 * metav1.Time is RFC 3339 in JSON.
 */
export const execCredentialSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'ExecCredential',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'status'],
  properties: {
    apiVersion: {
      enum: ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'],
    },
    kind: {
      const: 'ExecCredential',
    },
    spec: {
      type: 'object',
      required: ['interactive'],
      properties: {
        interactive: {
          type: 'boolean',
        },
        cluster: {
          type: 'object',
        },
      },
    },
    status: {
      type: 'object',
      additionalProperties: false,
      required: ['token'],
      properties: {
        expirationTimestamp: {
          type: 'string',
          pattern:
            '^\\d{4}-(0[1-9]|1[0-2])-([0-2]\\d|3[01])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$',
        },
        token: {
          type: 'string',
          pattern: '^[\\x21-\\x7e]+$',
        },
        clientCertificateData: {
          type: 'string',
        },
        clientKeyData: {
          type: 'string',
        },
      },
    },
  },
}
