-- From here on by hand: what the schema language cannot say.

-- What a request was answered is kept for whoever sent it, and for nobody else: it holds all that they may read.
CREATE POLICY its_sender_alone ON "idempotent_request" AS RESTRICTIVE
  USING (user_id = nullif(current_setting('app.user', true), ''))
  WITH CHECK (user_id = nullif(current_setting('app.user', true), ''));

-- Nobody marks as read what another person was told. Everybody who is told something tells others too, and webhooks deliver
-- it, so that it is there may be seen in the tenant: it holds ids and no content.
CREATE POLICY read_by_whom_it_tells ON "notification" AS RESTRICTIVE FOR UPDATE
  USING (user_id = nullif(current_setting('app.user', true), ''));
