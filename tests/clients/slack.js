'use strict';
// Slack's own client for Node against the sandbox; tests/clients.rs runs it and says in SANDBOX where all is.

const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const { ErrorCode, LogLevel, WebClient } = require('@slack/web-api');

const sandbox = JSON.parse(process.env.SANDBOX);
const { people, channels, stage } = sandbox;
const support = channels['support-engineering'];
const { marta, wanjiru } = people;

function client(token, base = sandbox.base, more = {}) {
  return new WebClient(token, { slackApiUrl: `${base}/slack/api/`, logLevel: LogLevel.ERROR, ...more });
}

const bot = client(sandbox.bot);
const person = client(marta.token);

async function refused(call, error) {
  const refusal = await call.then((answer) => assert.fail(`${error} was expected: ${JSON.stringify(answer)}`), (refusal) => refusal);
  assert.equal(refusal.code, ErrorCode.PlatformError, String(refusal));
  assert.equal(refusal.data.error, error);
  return refusal.data;
}

async function post(path, body) {
  const answer = await fetch(sandbox.base + path, { method: 'POST', body: JSON.stringify(body) });
  assert.ok(answer.ok, await answer.text());
}

async function whoIsWho() {
  const me = await bot.auth.test();
  assert.ok(me.user_id.startsWith('U') && me.bot_id.startsWith('B') && me.url.startsWith('https://'));
  assert.ok(me.response_metadata.scopes.includes('chat:write'));
  assert.equal((await person.auth.test()).bot_id, undefined);
  assert.equal((await bot.team.info()).team.id, me.team_id);
  assert.equal((await bot.bots.info({ bot: me.bot_id })).bot.user_id, me.user_id);
  const { user } = await bot.users.info({ user: marta.id });
  assert.equal((await bot.users.lookupByEmail({ email: user.profile.email })).user.id, marta.id);
  const everybody = [];
  for await (const page of bot.paginate('users.list', { limit: 3 })) everybody.push(...page.members.map((one) => one.id));
  assert.ok(everybody.includes(marta.id) && new Set(everybody).size === everybody.length);
  await refused(bot.users.info({ user: 'U0NOBODY' }), 'user_not_found');
  await refused(client('xoxb-wrong').auth.test(), 'invalid_auth');
  await refused(bot.apiCall('chat.nonsense'), 'unknown_method');
  return me;
}

async function places(me) {
  const listed = [];
  for await (const page of bot.paginate('conversations.list', { limit: 2 })) listed.push(...page.channels);
  assert.equal(listed.find((one) => one.name === 'support-engineering').id, support);
  const { channel } = await bot.conversations.info({ channel: support, include_num_members: true });
  assert.ok(channel.is_member && channel.num_members > 3);
  const members = [];
  for await (const page of bot.paginate('conversations.members', { channel: support, limit: 2 })) members.push(...page.members);
  assert.equal(members.length, channel.num_members);
  assert.ok(members.includes(me.user_id));
  assert.ok((await bot.users.conversations()).channels.some((one) => one.id === support));
  assert.ok((await bot.conversations.join({ channel: support })).response_metadata.warnings.includes('already_in_channel'));
  assert.equal((await bot.conversations.join({ channel: channels.random })).channel.is_member, true);
  assert.ok((await bot.conversations.open({ users: marta.id, return_im: true })).channel.is_im);
  await refused(bot.conversations.info({ channel: channels['vip-escalations'] }), 'channel_not_found');
}

async function messages(me) {
  const root = await person.chat.postMessage({ channel: support, text: `The *printer* is down <@${me.user_id}>` });
  assert.equal(root.message.user, marta.id);
  assert.equal(root.message.blocks[0].type, 'rich_text');
  const card = await bot.chat.postMessage({
    channel: support,
    thread_ts: root.ts,
    text: 'card',
    metadata: { event_type: 'mark', event_payload: { k: '1' } },
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: 'Side conversation' } },
      { type: 'section', text: { type: 'mrkdwn', text: 'From *Zoé*' } },
      { type: 'actions', elements: [{ type: 'button', action_id: 'done', value: '12', text: { type: 'plain_text', text: 'Mark as done' } }] },
    ],
  });
  assert.equal(card.message.bot_id, me.bot_id);
  for (let number = 0; number < 4; number += 1) await bot.chat.postMessage({ channel: support, thread_ts: root.ts, text: `reply ${number}` });
  const replies = [];
  for await (const page of bot.paginate('conversations.replies', { channel: support, ts: root.ts, limit: 2, include_all_metadata: true })) {
    replies.push(...page.messages.filter((one) => one.ts !== root.ts));
  }
  assert.equal(replies.length, 5);
  assert.deepEqual(replies[0].metadata.event_payload, { k: '1' });
  const { messages } = await bot.conversations.history({ channel: support, limit: 1 });
  assert.deepEqual([messages[0].ts, messages[0].reply_count], [root.ts, 5]);

  assert.equal((await bot.chat.update({ channel: support, ts: card.ts, text: 'changed' })).message.text, 'changed');
  const { permalink } = await bot.chat.getPermalink({ channel: support, message_ts: card.ts });
  assert.ok(permalink.endsWith(`?thread_ts=${root.ts}&cid=${support}`));
  assert.ok((await bot.chat.postEphemeral({ channel: support, user: marta.id, text: 'psst' })).message_ts);
  await bot.reactions.add({ channel: support, timestamp: root.ts, name: 'eyes' });
  await refused(bot.reactions.add({ channel: support, timestamp: root.ts, name: 'eyes' }), 'already_reacted');
  const reacted = (await bot.reactions.get({ channel: support, timestamp: root.ts })).message.reactions;
  assert.deepEqual(reacted.map((one) => [one.name, one.count, one.users]), [['eyes', 1, [me.user_id]]]);
  await bot.reactions.remove({ channel: support, timestamp: root.ts, name: 'eyes' });
  await refused(bot.reactions.remove({ channel: support, timestamp: root.ts, name: 'eyes' }), 'no_reaction');
  await refused(bot.chat.update({ channel: support, ts: root.ts, text: 'x' }), 'cant_update_message');
  await refused(bot.chat.postMessage({ channel: 'C0NOBODY', text: 'x' }), 'channel_not_found');
  const long = [{ type: 'section', text: { type: 'mrkdwn', text: 'x'.repeat(3001) } }];
  const told = await refused(bot.chat.postMessage({ channel: support, text: 'x', blocks: long }), 'invalid_blocks');
  assert.match(told.response_metadata.messages[0], /json-pointer:\/blocks\/0\/text\/text/);
  assert.equal((await bot.chat.delete({ channel: support, ts: card.ts })).ts, card.ts);
  await refused(bot.chat.delete({ channel: support, ts: card.ts }), 'message_not_found');
  return root.ts;
}

async function files(thread_ts) {
  const bytes = Buffer.from([0, 1, 2, 250, 13, 10, 45, 45]);
  const uploaded = await bot.filesUploadV2({
    channel_id: support,
    thread_ts,
    initial_comment: 'Two files',
    file_uploads: [{ file: bytes, filename: 'a.bin' }, { content: 'ąę', filename: 'b.txt', title: 'B' }],
  });
  const ids = uploaded.files.flatMap((done) => done.files.map((file) => file.id));
  assert.equal(ids.length, 2);
  const { file } = await bot.files.info({ file: ids[0] });
  assert.deepEqual([file.name, file.size], ['a.bin', bytes.length]);
  const download = await fetch(file.url_private_download, { headers: { authorization: `Bearer ${sandbox.bot}` } });
  assert.deepEqual(Buffer.from(await download.arrayBuffer()), bytes);
  const stranger = await fetch(file.url_private_download);
  assert.match(stranger.headers.get('content-type'), /^text\/html/);
  const shared = async () => {
    const { messages } = await bot.conversations.replies({ channel: support, ts: thread_ts });
    return messages.find((message) => message.files?.length === 2);
  };
  let message;
  while (!(message = await shared())) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(message.text, 'Two files');
  await bot.files.delete({ file: ids[1] });
  await refused(bot.files.info({ file: ids[1] }), 'file_deleted');
}

async function limits() {
  const limited = { vendor: 'slack', call: 'users.info', fault: 'rate_limited', retry_after: 1, times: 1 };
  await post('/sandbox/faults', [limited]);
  const strict = client(sandbox.bot, sandbox.base, { rejectRateLimitedCalls: true });
  const refusal = await strict.users.info({ user: marta.id }).then(() => assert.fail('a limit'), (refusal) => refusal);
  assert.deepEqual([refusal.code, refusal.retryAfter], [ErrorCode.RateLimitedError, 1]);
  await post('/sandbox/faults', [limited]);
  const began = Date.now();
  assert.ok((await bot.users.info({ user: marta.id })).ok, 'the client waits and asks again');
  assert.ok(Date.now() - began >= 1000);
  const none = { retryConfig: { retries: 0 } };
  await post('/sandbox/faults', [{ vendor: 'slack', call: 'users.info', fault: 'status', status: 503, times: 1 }]);
  const down = await client(sandbox.bot, sandbox.base, none).users.info({ user: marta.id }).then(() => assert.fail('503'), (refusal) => refusal);
  assert.deepEqual([down.code, down.statusCode], [ErrorCode.HTTPError, 503]);
  await post('/sandbox/faults', [{ vendor: 'slack', call: 'users.info', fault: 'dropped_before', times: 1 }]);
  const cut = await client(sandbox.bot, sandbox.base, none).users.info({ user: marta.id }).then(() => assert.fail('cut'), (refusal) => refusal);
  assert.equal(cut.code, ErrorCode.RequestError);
}

const plain = (text) => ({ type: 'plain_text', text });

function modal(title) {
  return {
    type: 'modal',
    title: plain(title),
    submit: plain('Send'),
    blocks: [{ type: 'input', block_id: 'why', label: plain('Why'), element: { type: 'plain_text_input', action_id: 'text' } }],
  };
}

/** Somebody acts in the firm of the test, and the app reads what Slack sends it. */
async function act(asked) {
  const answer = await fetch(`${stage.base}/act`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(asked),
  });
  const told = await answer.json();
  assert.equal(told.error, null);
  const payloads = told.sent.map(({ headers, body }) => {
    const base = `v0:${headers['x-slack-request-timestamp']}:${body}`;
    assert.equal(headers['x-slack-signature'], `v0=${createHmac('sha256', stage.signing_secret).update(base).digest('hex')}`);
    if (headers['content-type'] === 'application/json') return JSON.parse(body);
    const form = Object.fromEntries(new URLSearchParams(body));
    return form.payload ? JSON.parse(form.payload) : form;
  });
  return { ...told, payloads };
}

async function respond(url, body) {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return [answer.status, await answer.text()];
}

async function choosing(app, command) {
  const { payloads: [{ trigger_id: trigger }] } = await act(command);
  const menu = { type: 'external_select', action_id: 'menu', min_query_length: 2, placeholder: plain('Which?') };
  const section = { type: 'section', block_id: 'which', text: plain('Which ticket?'), accessory: menu };
  const view = { type: 'modal', title: plain('Choose'), blocks: [section] };
  const opened = await app.views.open({ trigger_id: trigger, view });
  const options = [{ text: plain('The printer'), value: '35436' }, { text: plain('The scanner'), value: '35437' }];
  const { payloads: [asked] } = await act({ act: 'suggest', user: wanjiru.id, name: 'menu', text: 'the', answer: { options } });
  assert.deepEqual([asked.type, asked.value, asked.block_id, asked.view.id], ['block_suggestion', 'the', 'which', opened.view.id]);
  const { payloads: [chosen] } = await act({ act: 'use', user: wanjiru.id, name: 'menu', value: '35437' });
  assert.deepEqual([chosen.container, chosen.response_url], [{ type: 'view', view_id: opened.view.id }, undefined]);
  assert.equal(chosen.actions[0].selected_option.text.text, 'The scanner');
  assert.equal(chosen.view.state.values.which.menu.selected_option.value, '35437');
  const changed = await app.views.update({ view_id: chosen.view.id, hash: chosen.view.hash, view: { ...view, title: plain('The scanner') } });
  assert.equal(changed.view.state.values.which.menu.selected_option.value, '35437', 'what keeps its ids keeps its value');
}

async function asTheApp() {
  const app = client(stage.bot, stage.base);
  const command = { act: 'command', user: wanjiru.id, channel: support, name: '/side-convo', text: 'help' };
  const [first] = (await act(command)).payloads;
  const opened = await app.views.open({ trigger_id: first.trigger_id, view: modal('Ask') });
  assert.ok(opened.view.id.startsWith('V') && opened.view.hash);
  await refused(app.views.open({ trigger_id: first.trigger_id, view: modal('Ask') }), 'exchanged_trigger_id');
  const [second] = (await act(command)).payloads;
  const pushed = await app.views.push({ trigger_id: second.trigger_id, view: modal('Sure?') });
  assert.equal(pushed.view.previous_view_id, opened.view.id);
  const updated = await app.views.update({ view_id: pushed.view.id, hash: pushed.view.hash, view: modal('Really?') });
  assert.equal(updated.view.title.text, 'Really?');
  await refused(app.views.update({ view_id: pushed.view.id, hash: pushed.view.hash, view: modal('x') }), 'hash_conflict');
  await refused(app.views.update({ view_id: pushed.view.id, view: modal('much more than is allowed') }), 'invalid_arguments');
  const values = { why: { text: { type: 'plain_text_input', value: 'Because' } } };
  const submitted = await act({ act: 'submit', user: wanjiru.id, values, answer: { response_action: 'clear' } });
  assert.deepEqual(submitted.payloads[0].view.state.values, values);
  assert.deepEqual([submitted.payloads[0].view.id, submitted.modals], [pushed.view.id, []]);
  await choosing(app, command);
  const home = await app.views.publish({ user_id: wanjiru.id, view: { type: 'home', blocks: [{ type: 'divider' }] } });
  assert.equal(home.view.type, 'home');
  await refused(app.views.publish({ user_id: 'U0NOBODY', view: { type: 'home', blocks: [] } }), 'user_not_found');

  assert.deepEqual(await respond(second.response_url, { text: 'Only to you' }), [200, 'ok']);
  const button = { type: 'button', action_id: 'done', value: '1', text: plain('Done') };
  const card = await app.chat.postMessage({ channel: support, text: 'card', blocks: [{ type: 'actions', elements: [button] }] });
  const pressed = await act({ act: 'press', user: wanjiru.id, channel: support, ts: card.ts, name: 'done' });
  assert.equal(pressed.ephemerals.at(-1).text, 'Only to you');
  const payload = pressed.payloads.find((one) => one.type === 'block_actions');
  assert.equal(payload.actions[0].value, '1');
  assert.deepEqual(await respond(payload.response_url, { replace_original: true, text: 'done' }), [200, 'ok']);
  const { messages } = await app.conversations.history({ channel: support, latest: card.ts, inclusive: true, limit: 1 });
  assert.equal(messages[0].text, 'done');
  const notTaken = async (url, message) => {
    const [status, body] = await respond(url, message);
    return [status, JSON.parse(body)];
  };
  assert.deepEqual(await notTaken(payload.response_url, {}), [400, { ok: false, error: 'no_text' }]);
  const nonsense = `${stage.base}/slack/response/nonsense`;
  assert.deepEqual(await notTaken(nonsense, { text: 'x' }), [404, { ok: false, error: 'expired_url' }]);
}

async function all() {
  const answer = await fetch(`${sandbox.base}/sandbox/limits`, { method: 'POST', body: JSON.stringify({ limits: 'off' }) });
  assert.ok(answer.ok, await answer.text());
  const me = await whoIsWho();
  await places(me);
  const thread = await messages(me);
  await files(thread);
  await limits();
  await asTheApp();
  console.log('all is well');
}

all().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
