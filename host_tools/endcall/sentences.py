"""What is said in a call that gets a limit, by language: the one place for these words.

Worded by the rules of limit-setting: acknowledge the trouble, name the limit, leave the choice; the closing says what
happens now and that the caller may call again. Plain, calm, short, no blame, polite form of address, nothing that
depends on who speaks or who calls; closing and warning fit what a prompt may last. Portuguese is worded for
Portugal and Brazil alike, Spanish for Spain and America.

The sounds in firmware/prompts/ are made from the English ones by host_tools/prompts/make_prompts.py.
"""

from __future__ import annotations

from typing import NamedTuple


class Sentences(NamedTuple):
    """A language's `name` in itself; `closing` and `warning` are played by the device, the rest a person says."""

    name: str
    closing: str  # ENFORCE
    warning: str  # a warning that the device plays, if the person does not say `limit`
    acknowledge: str  # READY, before any limit
    limit: str  # WARN: empathy, limit, choice
    repeat: str  # WATCH: the caller kept to the limit and falls back
    resume: str  # after a sincere apology, or when a limit is lifted


SENTENCES = {
    "en": Sentences(
        name="English",
        closing="I'm going to end this call now. You're welcome to call back at another time. Thank you. Goodbye.",
        warning="I know you're upset. If this goes on I'm going to end this call. It's your choice.",
        acknowledge="I can hear how upset you are, and I'm sorry about the trouble. Let me see what I can do.",
        limit="I understand you're upset. If you go on shouting and swearing, I'll have to end this call. "
        "It's up to you whether we go on.",
        repeat="As I said: if this goes on, I'm going to end this call. It's your choice.",
        resume="Thank you. Let's go on, then. What can I do for you?",
    ),
    "es": Sentences(
        name="Español",
        closing="Voy a terminar esta llamada ahora. Puede volver a llamar en otro momento. Gracias. Adiós.",
        warning="Entiendo su malestar. Si esto continúa, terminaré la llamada. Usted decide.",
        acknowledge="Entiendo su malestar y lamento lo ocurrido. Voy a ver qué puedo hacer.",
        limit="Entiendo su malestar. Si siguen los gritos y los insultos, tendré que terminar la llamada. "
        "Usted decide si seguimos.",
        repeat="Como le he dicho: si esto continúa, terminaré la llamada. Usted decide.",
        resume="Gracias. Entonces, sigamos. ¿Qué puedo hacer por usted?",
    ),
    "fr": Sentences(
        name="Français",
        closing="Je vais mettre fin à cet appel maintenant. Vous pouvez rappeler à un autre moment. Merci. Au revoir.",
        warning="Je comprends votre colère. Si cela continue, je mettrai fin à cet appel. C'est à vous de choisir.",
        acknowledge="Je comprends votre colère, et je regrette ce qui s'est passé. Je vais voir ce que je peux faire.",
        limit="Je comprends votre colère. Si les cris et les insultes continuent, je devrai mettre fin à cet appel. "
        "C'est à vous de choisir si nous continuons.",
        repeat="Je vous l'ai dit : si cela continue, je mettrai fin à cet appel. C'est à vous de choisir.",
        resume="Merci. Alors, continuons. Que puis-je faire pour vous ?",
    ),
    "de": Sentences(
        name="Deutsch",
        closing="Ich beende jetzt dieses Gespräch. Sie können gern später wieder anrufen. Danke. Auf Wiederhören.",
        warning="Ich verstehe Ihren Ärger. Wenn es so weitergeht, beende ich dieses Gespräch. Sie haben die Wahl.",
        acknowledge="Ich verstehe Ihren Ärger, und es tut mir leid. Ich sehe nach, was ich tun kann.",
        limit="Ich verstehe Ihren Ärger. Wenn Sie weiter schreien und schimpfen, muss ich dieses Gespräch beenden. "
        "Sie haben die Wahl, ob wir weitersprechen.",
        repeat="Wie gesagt: Wenn es so weitergeht, beende ich dieses Gespräch. Sie haben die Wahl.",
        resume="Danke. Dann machen wir weiter. Was kann ich für Sie tun?",
    ),
    "pt": Sentences(
        name="Português",
        closing="Termino agora a chamada. Pode ligar de novo mais tarde. Agradeço a chamada. Adeus.",
        warning="Entendo o seu descontentamento. Se isto continuar, termino a chamada. A escolha é sua.",
        acknowledge="Entendo o seu descontentamento e lamento o que aconteceu. Vou ver o que posso fazer.",
        limit="Entendo o seu descontentamento. Se os gritos e os insultos continuarem, vou ter de terminar a chamada. "
        "A escolha é sua.",
        repeat="Como eu disse: se isto continuar, vou terminar a chamada. A escolha é sua.",
        resume="Agradeço. Então vamos continuar. Como posso ajudar?",
    ),
    "it": Sentences(
        name="Italiano",
        closing="Adesso chiudo questa chiamata. Può richiamare più tardi. Grazie. Arrivederci.",
        warning="Capisco il Suo disappunto. Se si va avanti così, chiudo la chiamata. La scelta è Sua.",
        acknowledge="Capisco il Suo disappunto e mi dispiace per l'accaduto. Vedo che cosa posso fare.",
        limit="Capisco il Suo disappunto. Se continua a gridare e a offendere, dovrò chiudere la chiamata. "
        "Sta a Lei decidere se continuare.",
        repeat="Come ho detto: se si va avanti così, chiudo la chiamata. La scelta è Sua.",
        resume="Grazie. Allora andiamo avanti. Che cosa posso fare per Lei?",
    ),
    "nl": Sentences(
        name="Nederlands",
        closing="Ik beëindig dit gesprek nu. U kunt later gerust terugbellen. Dank u wel. Tot ziens.",
        warning="Ik begrijp dat u boos bent. Als dit doorgaat, beëindig ik dit gesprek. De keuze is aan u.",
        acknowledge="Ik begrijp dat u boos bent, en het spijt me. Ik kijk wat ik kan doen.",
        limit="Ik begrijp dat u boos bent. Als u blijft schreeuwen en schelden, moet ik dit gesprek beëindigen. "
        "Het is aan u of we verdergaan.",
        repeat="Zoals ik zei: als dit zo doorgaat, beëindig ik dit gesprek. De keuze is aan u.",
        resume="Dank u wel. Dan gaan we verder. Wat kan ik voor u doen?",
    ),
}
