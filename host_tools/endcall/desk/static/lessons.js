// Calls to practise with. A lesson is a list of beats: what the caller says, what the coach whispers, and what each
// thing that the person does is worth. `on` names what happened (a state that was entered, or `refused`); `to` is the
// beat that follows (by its place; default: stay). `after_s`: it goes on by itself. No beat asks for what the
// technique forbids: being upset is no abuse, a limit is set once and meant, a bomb threat is never hung up on.

const UPSET = {
  caller: 'Three weeks! For three weeks I have been waiting, and every day somebody tells me something else!',
  coach: 'Upset is not abusive. Let the caller speak, and acknowledge it: “I can hear how frustrating that is. Let me see what I can do.” Leave the button alone.',
  after_s: 9,
  good: 'You listened. Most calls never need more than that.',
  on: {
    WARN: { bad: 'Too early: that was anger, not abuse. A limit now would only make it worse. Hold the button for a second to take it back.' },
    READY: { good: 'Taken back. Now listen.' },
    ENFORCE: { bad: 'That ends a call over anger alone. Hold the button, quickly: the line is still closed.' },
    RELEASE: { bad: 'The call is over, and the caller will phone back, angrier. Begin again, and listen first.', to: -1 },
  },
};

const ABUSE = {
  caller: 'You are a complete idiot. Are you too stupid to use a telephone, you useless…',
  coach: 'This is abuse. Press once, and say the limit in three parts: you understand; where the limit is; the choice is theirs.',
  on: {
    WARN: { good: 'The limit is set, and the half ring breathes. Say it calmly: “I understand you’re upset. If this goes on, I will have to end this call. It’s your choice.”', to: 2 },
  },
  nudge_s: 15, nudge: 'You may set a limit now. Press the button once.',
};

const GOES_ON = {
  caller: 'Oh, so you will end the call? You would not dare! You people are the dumbest…',
  coach: 'The caller steps past the limit. Wait until the other half of the ring is full, then press: the limit that you set is now enforced.',
  on: {
    refused: { info: 'Refused, with a blink: they must have had the time to choose. A few seconds more.' },
    WATCH: { info: 'A quarter of amber: the limit still stands. A press enforces it.' },
    READY: { bad: 'You took the limit back, and nothing has changed. A limit that is not kept costs all credit. Press again to set it.' },
    WARN: { info: 'The limit is set again.' },
    ENFORCE: { good: 'Red. The button says the closing words; you need not say or do anything.', to: 3 },
  },
  nudge_s: 25, nudge: 'They have had their choice. Press to end the call.',
};

export const LESSONS = [
  {
    title: 'One who goes on', about: 'A caller shouts, is told the limit, and steps past it.',
    beats: [UPSET, ABUSE, GOES_ON, {
      caller: '…hello? What is that? I was not finished with…',
      coach: 'Let it speak. The sentence is never cut short by a press; a hold stops it, only for a sincere apology.',
      on: {
        WATCH: { bad: 'You stopped it, and there was no apology. That teaches the caller that the limit is not meant. Press to enforce it.' },
        ENFORCE: { info: 'Red again.' },
        RELEASE: { good: 'The line is released: nobody slammed down a receiver, and they were invited to call again.', to: 4 },
      },
    }, {
      coach: 'Put the handset down. Then breathe with the blue light: four seconds in, six seconds out.',
      on: {
        handset: { good: 'Done. You were fair, you were clear, and you kept your word. Nothing to feel sorry for.', to: -1 },
        READY: { good: 'Ready for the next call. You were fair, you were clear, and you kept your word.', to: -1 },
      },
    }],
  },
  {
    title: 'One who comes round', about: 'The limit works: the caller calms down.',
    beats: [UPSET, ABUSE, {
      caller: '…All right. All right. I’m sorry, it’s not your fault. It has just been a terrible month.',
      coach: 'The limit worked. Thank them and go on helping. Hold the button for a second to take the limit back, or let the amber run out.',
      on: {
        READY: { good: 'The limit is gone, and the call can be a good one. That is what it is for.', to: -1 },
        WATCH: { info: 'It stands for a while yet. You may let it run out, or hold to take it back.' },
        ENFORCE: { bad: 'They kept to it! Ending the call now breaks your word. Hold the button, quickly.' },
        RELEASE: { bad: 'The call was ended although they kept to the limit. Begin again.', to: -1 },
        refused: { info: 'Refused; and there is no reason to go on pressing: they have come round.' },
      },
      after_s: 45, at_peace: ['READY', 'WATCH'], good: 'You let the limit run out by itself. That is as good.',
    }],
  },
  {
    title: 'A cheap “sorry”', about: 'While the closing words play, the caller says something that sounds like an apology.',
    beats: [UPSET, ABUSE, GOES_ON, {
      caller: 'Okay, okay, whatever. “Sorry.” Happy now? Now do your job.',
      coach: 'Is that sincere? Then hold. If not, let it speak.',
      on: {
        WATCH: { bad: 'That was no apology. The limit stands again (amber); press when they go on.' },
        RELEASE: { good: 'You let it end. A grudging word does not undo a limit.', to: -1 },
      },
    }],
  },
  {
    title: 'An honest apology', about: 'The same moment, and this time it is meant.',
    beats: [UPSET, ABUSE, GOES_ON, {
      caller: 'No, wait, please! I am so sorry. I had no right to speak to you like that. Please don’t hang up!',
      coach: 'Sincere, almost desperate: hold the button for a second, now.',
      on: {
        WATCH: { good: 'The words fade out, the line never opened, and the limit stands in amber. Say that you are glad to go on.', to: -1 },
        RELEASE: { info: 'The line is open: too late to cancel. It needs quick ears; try it once more.', to: -1 },
      },
    }],
  },
  {
    title: 'A bomb threat', about: 'The one call that is never hung up on.',
    beats: [{
      caller: 'Listen carefully. There is a bomb in your building.',
      coach: 'Do not touch the button. Keep them talking, write down every word, signal to a colleague.',
      after_s: 12,
      good: 'Right. You kept the line. Your house has rules for what comes next; look them up before you need them.',
      on: {
        WARN: { bad: 'Never limit this call. Hold the button to take it back, and keep them talking.' },
        READY: { good: 'Taken back. Keep them talking.' },
        ENFORCE: { bad: 'Hold the button, quickly! This call must not end.' },
        RELEASE: { bad: 'The call is gone, and with it the trace. A bomb threat is never hung up on.', to: -1 },
      },
      to: -1,
    }],
  },
];
