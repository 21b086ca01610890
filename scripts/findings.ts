/** What checkov finds in the compiled templates, and which of it is accepted, each with its reason. */

/** One line of checkov's report: a check that failed on a resource, which is `TYPE.LOGICAL_ID`. */
export type Finding = { check: string; name: string; resource: string }

type Accepted = { check: string; resources: RegExp; reason: string }

export const ACCEPTED: Accepted[] = [
  {
    check: 'CKV_AWS_18',
    resources: /\.ServerlessDeploymentBucket$/,
    reason:
      'The bucket holds code alone, in versions. A log needs a bucket that the stack does not have; data events of CloudTrail do not.',
  },
  {
    check: 'CKV_AWS_27',
    resources: /^AWS::SQS::Queue\./,
    reason: 'Every queue is encrypted with the key of SQS (SqsManagedSseEnabled), which this check does not know.',
  },
  {
    check: 'CKV_AWS_111',
    resources: /^AWS::IAM::Role\./,
    reason:
      'In a VPC, Lambda needs the actions on network interfaces on every resource; the role denies them to the code.',
  },
  {
    check: 'CKV_AWS_115',
    resources: /^AWS::Lambda::Function\./,
    reason:
      'Reserved concurrency is taken from the whole account; the queues and the pace of each bucket limit the calls.',
  },
  {
    check: 'CKV_AWS_116',
    resources: /^AWS::Lambda::Function\./,
    reason:
      'Failed events go to an on-failure destination, which this check does not know; the sweep repeats what it missed, and offboardings has callers alone.',
  },
  {
    check: 'CKV_AWS_117',
    resources: /^AWS::Lambda::Function\./,
    reason:
      'The functions call public APIs only; a VPC is a choice (vpcSubnetIds), where a vendor wants a fixed address.',
  },
  {
    check: 'CKV_AWS_119',
    resources: /\.Ledger$/,
    reason:
      'The table is encrypted with the AWS managed key; a key of the account costs money and adds a way to lose the data.',
  },
  {
    check: 'CKV_AWS_173',
    resources: /^AWS::Lambda::Function\./,
    reason:
      'The variables are names, addresses and limits, encrypted with the key of Lambda; secrets are in Secrets Manager.',
  },
]

/** What nothing accepts, and what accepts nothing any more; both are to be dealt with. Each is a line to print. */
export function judge(findings: Finding[], accepted = ACCEPTED): string[] {
  const accepts =
    ({ check, resources }: Accepted) =>
    (finding: Finding) =>
      finding.check === check && resources.test(finding.resource)
  const open = findings.filter((finding) => !accepted.some((it) => accepts(it)(finding)))
  const stale = accepted.filter((it) => !findings.some(accepts(it)))
  return [
    ...open.map(({ check, name, resource }) => `${check} ${resource}: ${name}`),
    ...stale.map(
      ({ check, resources }) => `${check} is accepted for ${resources} but found nowhere: remove it from the list`,
    ),
  ]
}

type Report = {
  results: {
    failed_checks: { check_id: string; check_name: string; resource: string }[]
    parsing_errors: string[]
  }
  summary?: { passed: number; resource_count: number }
}

/**
 * The findings in checkov's report (`--output json`). Throws where a file could not be read or nothing was scanned: no finding
 * would look like a clean template.
 */
export function parseReport(json: string): { findings: Finding[]; passed: number } {
  const { results, summary } = JSON.parse(json) as Report
  if (!results || !summary?.resource_count || results.parsing_errors.length > 0)
    throw new Error(`checkov did not scan the templates: ${json.slice(0, 500)}`)
  const findings = results.failed_checks.map(({ check_id: check, check_name: name, resource }) => ({
    check,
    name,
    resource,
  }))
  return { findings, passed: summary.passed }
}
