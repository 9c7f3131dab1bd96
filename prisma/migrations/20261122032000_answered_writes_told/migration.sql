ALTER TABLE "notification" DROP CONSTRAINT "notification_kind_known";
ALTER TABLE "notification" ADD CONSTRAINT "notification_kind_known" CHECK (kind IN (
  'shared', 'assigned', 'suggested', 'decided', 'stale',
  'gate-opened', 'reminder', 'overdue', 'escalated', 'delegated', 'delegation-withdrawn', 'question', 'answer',
  'write-answered'));

-- Who had all kinds sent goes on having all sent. The owner, whom row-level security binds too, has no other way to these rows.
CREATE POLICY while_migrating ON "webhook" FOR UPDATE TO CURRENT_USER USING (true);
UPDATE "webhook" SET kinds = ARRAY[
    'shared', 'assigned', 'suggested', 'decided', 'stale',
    'gate-opened', 'reminder', 'overdue', 'escalated', 'delegated', 'delegation-withdrawn', 'question', 'answer',
    'write-answered']
  WHERE kinds @> ARRAY[
    'shared', 'assigned', 'suggested', 'decided', 'stale',
    'gate-opened', 'reminder', 'overdue', 'escalated', 'delegated', 'delegation-withdrawn', 'question', 'answer'];
DROP POLICY while_migrating ON "webhook";
