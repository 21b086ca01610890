/** Failures of AWS's own services, as their clients throw them. */

/** A refusal that no repetition changes, a matter of permissions, keys or ids: the 4xx range but for throttles. */
export function isPermanent(error: unknown): boolean {
  const { name, $metadata, $retryable } = error as {
    name?: string
    $metadata?: { httpStatusCode?: number }
    $retryable?: object
  }
  const status = $metadata?.httpStatusCode ?? 0
  return status >= 400 && status < 500 && !$retryable && !/Thrott|TooMany|RequestLimit/.test(name ?? '')
}
