/** Who may decide, in words and as roles. */
import type { Approver, Approvers } from './graph.ts';

/** `manager or director`, `finance and legal`; a person as the expression in ticks. */
export function approversText({ need, of }: Approvers): string {
  return of.map(approverText).join(need === 'any' ? ' or ' : ' and ');
}

export function approverText(approver: Approver): string {
  return 'role' in approver ? approver.role : `\`${approver.person}\``;
}

export function rolesOf({ of }: Approvers): string[] {
  return of.flatMap((one) => ('role' in one ? [one.role] : []));
}
