'use strict';
// node-zendesk against the sandbox; tests/clients.rs runs it and says in SANDBOX where all is.

const assert = require('node:assert/strict');
const { createClient } = require('node-zendesk');

const sandbox = JSON.parse(process.env.SANDBOX);
const endpointUri = `${sandbox.base}/zendesk/api/v2`;
const as = (token) => createClient({ endpointUri, oauth: true, token, throwOriginalException: true });
const admin = as(sandbox.agents['Wanjiru Kamau']);
const agent = as(sandbox.agents['Marta Figueiredo']);

/** The client throws on what it knows as an error; what it was told stands in `result`. */
async function refused(call, status) {
  const refusal = await call.then((answer) => assert.fail(`${status} was expected: ${JSON.stringify(answer.result)}`), (refusal) => refusal);
  assert.equal(refusal.statusCode, status, String(refusal.stack));
  return refusal.result;
}

async function raw(method, path, { token = sandbox.agents['Wanjiru Kamau'], headers = {}, body } = {}) {
  const url = path.startsWith('http') ? path : `${endpointUri}/${path}`;
  return fetch(url, { method, headers: { authorization: `Bearer ${token}`, ...headers }, body });
}

async function fault(rule) {
  const answer = await fetch(`${sandbox.base}/sandbox/faults`, { method: 'POST', body: JSON.stringify([{ vendor: 'zendesk', times: 1, ...rule }]) });
  assert.ok(answer.ok, await answer.text());
}

async function theAppsOwnUser() {
  const asked = { grant_type: 'client_credentials', client_id: sandbox.client_id, client_secret: sandbox.client_secret, scope: 'read write' };
  const answer = await fetch(`${sandbox.base}/zendesk/oauth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) });
  const { access_token: token, token_type: kind, expires_in: seconds } = await answer.json();
  assert.ok(token && kind === 'bearer' && seconds > 0);
  const { result: me } = await as(token).users.me();
  assert.deepEqual([me.role, me.email], ['admin', 'sidethread@acme.example']);
  await refused(as('nonsense').tickets.show(1), 401);
  return token;
}

async function people() {
  const { result: me } = await agent.users.me();
  assert.deepEqual([me.name, me.role], ['Marta Figueiredo', 'agent']);
  const everybody = await agent.users.list();
  assert.ok(everybody.some((user) => user.email === 'jl.fontaine@fontaine-optique.example'));
  const { result: found } = await agent.users.show(me.id);
  assert.equal(found.email, 'marta@acme.example');
  const { result: two } = await agent.users.showMany([me.id, everybody[0].id].join(','));
  assert.equal(two.length, 2);
  const groups = await agent.groups.list();
  assert.ok(groups.some((group) => group.name === 'Billing'));
  assert.ok((await agent.organizations.list()).length > 2);
  assert.equal((await agent.brand.list()).result.length, 1);
  assert.ok((await admin.accountsettings.show()).result.tickets);
  await refused(agent.users.show(1), 404);
}

async function tickets() {
  const make = (subject) => agent.tickets.create({ ticket: { subject, comment: { body: `${subject}, said somebody` }, tags: ['node'], priority: 'high' } });
  const { result: one } = await make('Étiqueteuse en panne');
  const { result: other } = await make('The same again');
  assert.deepEqual([one.subject, one.status, one.priority, one.tags], ['Étiqueteuse en panne', 'new', 'high', ['node']]);
  const { result: changed } = await agent.tickets.update(one.id, { ticket: { status: 'open', comment: { body: 'Internal', public: false } } });
  assert.equal(changed.status, 'open');
  const comments = (await agent.tickets.getComments(one.id)).map((comment) => [comment.body, comment.public]);
  assert.deepEqual(comments, [['Étiqueteuse en panne, said somebody', true], ['Internal', false]]);
  const audits = await agent.tickets.exportAudit(one.id);
  assert.equal(audits.length, 2);
  assert.ok(audits[1].events.some((event) => event.type === 'Change' && event.field_name === 'status'));
  assert.deepEqual((await agent.tickets.list()).map((ticket) => ticket.id).sort(), [one.id, other.id].sort());
  assert.equal((await agent.tickets.showMany([one.id, other.id])).result.length, 2);
  await agent.tickets.addTags(one.id, { tags: ['second'] });
  assert.deepEqual((await agent.tickets.show(one.id)).result.tags.sort(), ['node', 'second']);
  const hits = await agent.search.query('type:ticket étiqueteuse tags:second');
  assert.deepEqual(hits.result.map((hit) => hit.id), [one.id]);

  const merged = await agent.tickets.merge(one.id, { ids: [other.id], target_comment: 'Merged', source_comment: 'See there' });
  const job = merged.result.job_status;
  assert.equal((await agent.jobstatuses.show(job.id)).result.job_status.status, 'completed');
  assert.equal((await agent.tickets.show(other.id)).result.status, 'closed');
  await refused(agent.tickets.update(other.id, { ticket: { comment: { body: 'late' } } }), 422);
  await agent.tickets.delete(other.id);
  await refused(agent.tickets.show(other.id), 404);
  assert.ok((await (await raw('GET', 'deleted_tickets')).json()).deleted_tickets.some((ticket) => ticket.id === other.id));
  assert.ok((await raw('PUT', `deleted_tickets/${other.id}/restore`)).ok);
  assert.equal((await agent.tickets.show(other.id)).result.id, other.id);
  const empty = await refused(agent.tickets.create({ ticket: {} }), 422);
  assert.equal(empty.error, 'RecordInvalid');
  await refused(agent.tickets.show(1), 404);
  return one.id;
}

async function sideConversations(ticket, app) {
  const bytes = Buffer.from('a,b\n1,ü\n');
  const form = new FormData();
  form.append('file', new Blob([bytes], { type: 'text/csv' }), 'table.csv');
  const uploaded = await raw('POST', 'tickets/side_conversations/attachments.json', { body: form });
  assert.equal(uploaded.status, 201);
  const file = await uploaded.json();
  assert.deepEqual([file.file_name ?? file.name, file.size], ['table.csv', bytes.length]);

  const to = [{ email: 'entrepot@transports-mercier.example', name: 'Entrepôt' }];
  const made = await agent.sideconversations.create(ticket, { message: { to, subject: 'Où est le colis ?', body: 'Bonjour', attachment_ids: [file.id] } });
  const { side_conversation: side } = made.result;
  assert.deepEqual([made.response.status, side.state, side.ticket_id, side.subject], [201, 'open', ticket, 'Où est le colis ?']);
  const message = { message: { body: 'And now?', external_ids: { mark: '7' }, to } };
  const replied = await as(app).sideconversations.reply(ticket, side.id, message);
  assert.equal(replied.result.side_conversation.id, side.id);
  const { result: done } = await agent.sideconversations.update(ticket, side.id, { side_conversation: { state: 'closed' } });
  assert.equal(done.side_conversation.state, 'closed');
  const [listed] = await agent.sideconversations.list(ticket);
  assert.deepEqual([listed.id, listed.state], [side.id, 'closed']);
  assert.equal((await agent.sideconversations.show(ticket, side.id)).result.side_conversation.preview_text, 'And now?');

  const told = await (await raw('GET', `tickets/${ticket}/side_conversations/${side.id}/events.json`)).json();
  assert.deepEqual(told.events.map((event) => event.type), ['create', 'reply', 'update']);
  assert.deepEqual(told.events[1].message.external_ids, { mark: '7' });
  const [attached] = told.events[0].message.attachments;
  assert.deepEqual(Buffer.from(await (await raw('GET', attached.content_url)).arrayBuffer()), bytes);

  const fed = [];
  let next = 'tickets/side_conversations/events.json?start_time=0';
  while (next) {
    const page = await (await raw('GET', next, { token: app })).json();
    fed.push(...page.events.map((event) => event.type));
    next = page.next_page;
  }
  assert.deepEqual(fed, ['create', 'reply', 'update']);
  await refused(agent.sideconversations.show(ticket, '00000000-0000-0000-0000-000000000000'), 404);
  await refused(agent.sideconversations.create(ticket, { message: { to: [], subject: 'x', body: 'x' } }), 422);
}

async function rules() {
  const hook = { name: 'Mine', endpoint: `${sandbox.base}/elsewhere`, http_method: 'POST', request_format: 'json', status: 'active', subscriptions: ['conditional_ticket_events'] };
  const { result: webhook } = await admin.webhooks.create({ webhook: hook });
  assert.ok(webhook.id && webhook.name === 'Mine');
  assert.ok((await admin.webhooks.list()).some((one) => one.id === webhook.id));
  assert.ok((await admin.webhooks.getSigningSecret(webhook.id)).result.signing_secret.secret);
  assert.ok((await admin.webhooks.listInvocations(webhook.id)).result.invocations.length === 0);
  const test = (id, payload) => admin.webhooks.post(['webhooks', 'test', { webhook_id: id }], { request: { payload } });
  assert.equal((await test(webhook.id, '{}')).result.response.status_code, 404, 'the bridge has nothing at that address');
  const bridges = (await admin.webhooks.list()).find((one) => one.name === 'Sidethread');
  assert.equal((await test(bridges.id, '{"ticket_id": "35436"}')).result.response.status_code, 200);

  const titles = (await admin.triggers.definitions())[0].definitions.conditions_any.map((one) => one.title);
  assert.ok(titles.includes('Side conversation'));
  const actions = [{ field: 'notification_webhook', value: [webhook.id, '{"id": "{{ticket.id}}"}'] }];
  const conditions = { all: [], any: [{ field: 'status', operator: 'changed' }] };
  const { result: trigger } = await admin.triggers.create({ trigger: { title: 'Mine too', actions, conditions } });
  assert.ok((await admin.triggers.list()).some((one) => one.id === trigger.id));
  assert.equal((await admin.triggers.show(trigger.id)).result.title, 'Mine too');
  assert.equal((await admin.triggers.update(trigger.id, { trigger: { active: false } })).result.active, false);
  await refused(admin.webhooks.delete(webhook.id), 400);
  await admin.triggers.delete(trigger.id);
  await admin.webhooks.delete(webhook.id);
  await refused(admin.webhooks.show(webhook.id), 404);
  await refused(agent.webhooks.create({ webhook: hook }), 403);
}

async function limits(ticket) {
  await fault({ call: 'GET tickets/{id}', fault: 'rate_limited', retry_after: 1 });
  const limited = await raw('GET', `tickets/${ticket}`);
  assert.deepEqual([limited.status, limited.headers.get('retry-after')], [429, '1']);
  await fault({ call: 'GET tickets/{id}', fault: 'status', status: 503 });
  await refused(agent.tickets.show(ticket), 503);
  await fault({ call: 'GET tickets/{id}', fault: 'token_revoked' });
  await refused(agent.tickets.show(ticket), 401);
  assert.equal((await agent.tickets.show(ticket)).result.id, ticket);
}

async function all() {
  const app = await theAppsOwnUser();
  await people();
  const ticket = await tickets();
  await sideConversations(ticket, app);
  await rules();
  await limits(ticket);
  console.log('all is well');
}

all().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
