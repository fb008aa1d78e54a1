/** Every word the window says, in German. */
import type { Catalogue } from './en'
import { number } from './format'
import { pluralIn } from './plural'

const plural = pluralIn('de')

export const de: Catalogue = {
  appName: 'Synced Swarm Audio',
  starting: 'Startet…',
  fact: (text) => text,

  join: {
    tagline: 'Ein Lied, alle Geräte, derselbe Augenblick.',
    startTitle: 'Party starten',
    newKey: 'Schlüssel deiner Party',
    newKeyEmpty: 'Beliebige Wörter, oder drücke „Neue Wörter“.',
    otherWords: 'Neue Wörter',
    start: 'Party hier starten',
    startHint:
      'Dieses Gerät ist Gastgeber. Andere im Netzwerk finden es von selbst und brauchen den Schlüssel oder deine Einladung.',
    joinTitle: 'Party beitreten',
    key: 'Party-Schlüssel',
    keyHint:
      'Gib die Wörter ein oder füge einen Einladungslink ein. Großbuchstaben, Leerzeichen und Bindestriche sind egal.',
    keyMissing: 'Gib zuerst einen Party-Schlüssel ein.',
    join: 'Beitreten',
    nearby: 'Partys in der Nähe',
    nearbyEmpty: 'Noch keine Party in der Nähe. Starte hier eine oder prüfe, ob beide Geräte im selben WLAN sind.',
    joinNearby: 'Beitreten: Party auf',
    recent: 'Frühere Partys',
    joinAgain: 'Wieder beitreten:',
    startAgain: 'Hier wieder starten:',
    startShort: 'Starten',
    wasHere: 'auf diesem Gerät',
    forget: (name) => `${name} samt Schlüssel vergessen`,
    more: 'Über Relay-Adresse beitreten',
    relay: 'Relay-Adresse',
    relayHint: 'Für ein Relay an einem anderen Ort. Beginnt mit ws:// oder wss://',
    relayBad: 'Die Adresse beginnt mit ws:// oder wss://',
    joinRelay: 'Über Adresse beitreten',
    you: 'Du bist',
    change: 'Namen ändern',
  },

  keys: {
    show: 'Schlüssel zeigen',
    hide: 'Schlüssel verbergen',
    of: (name) => `von ${name}`,
  },

  keyStrengths: {
    weak: 'Für den Betreiber des Relays leicht zu erraten. Unter Freunden im eigenen Netzwerk reicht das; nimm sonst mehr Wörter.',
    fair: 'Schwer zu erraten. Mit ein, zwei Wörtern mehr ist er vor allen sicher.',
    strong: 'Diesen Schlüssel kann niemand erraten.',
  },

  invite: {
    open: 'Einladen',
    title: (name) => `Einladen zu ${name}`,
    close: 'Einladung schließen',
    code: 'QR-Code der Einladung',
    scan: 'Scanne ihn mit einem Handy und öffne den Link oder füge ihn in der App ein.',
    tooLong: 'Dieser Schlüssel ist zu lang für einen Code, den Handys lesen können. Sende stattdessen den Link.',
    link: 'Einladungslink',
    copyLink: 'Link kopieren',
    secret:
      'Wer den Code, den Link oder den Schlüssel hat, kann beitreten. Der Link geht von Gerät zu Gerät, so wie du ihn sendest; beim Öffnen erfährt kein Server den Schlüssel.',
  },

  invitation: {
    title: (name) => `${name} beitreten?`,
    close: 'Schließen, ohne beizutreten',
    meetsAt: 'Treffpunkt',
    nearby: 'Dieses Netzwerk',
    leaves: (name) => `Wenn du beitrittst, verlässt du ${name}.`,
    accept: 'Dieser Party beitreten',
    dismiss: 'Jetzt nicht',
  },

  room: {
    party: 'Aktuelle Party',
    key: 'Party-Schlüssel',
    copyKey: 'Party-Schlüssel kopieren',
    copied: 'Kopiert',
    notCopied: 'Nicht kopiert: Text bitte markieren',
    leave: 'Verlassen',
    settings: 'Einstellungen',
    devices: (count) => plural(count, { one: '# Gerät', other: '# Geräte' }),
    devicesTitle: 'Geräte',
    unnamed: (id) => `Gerät ${id}`,
    director: 'Leitung',
    you: 'Dieses Gerät',
    carries: 'Trägt die Party',
    directing: 'Du steuerst die Wiedergabe',
    directedBy: (name) => `${name} steuert die Wiedergabe`,
    undirected: 'Niemand steuert die Wiedergabe',
    take: 'Steuerung übernehmen',
    resign: 'Abgeben',
    invite: 'Andere können auch hier beitreten:',
    alone:
      'Bisher nur dieses Gerät. Drücke „Einladen“ oder öffne die App auf einem anderen Gerät und gib denselben Schlüssel ein.',
  },

  clock: {
    synced: (state, spread) => `${state} ${spread}`,
    settling: 'Uhr wird gestellt…',
    label: 'Uhr',
  },

  sync: {
    title: 'Gleichlauf dieses Geräts',
    label: 'Gleichlauf',
    unknown: 'Noch nicht bekannt',
    measured: 'gemessen',
    estimated: 'geschätzt',
    explain:
      'Gemessen: was die Soundkarte selbst meldet, gegen die Stelle im Lied. Geschätzt: dort spielt nichts, nur die Uhr ist bekannt. Hinter ± steht eine Standardabweichung.',
    leads: 'Raumuhr',
    rate: (ppm) => `Soundkarte ${ppm}`,
    ppm: (figure) => `${figure} ppm`,
    jumps: (count) => plural(count, { one: '# Sprung', other: '# Sprünge' }),
    asymmetry: (size) =>
      `Zwei Wege, die Zeit zu erfahren, weichen um ${size} voneinander ab. Dieses Gerät richtet sich nach der Zeit im Raum und bleibt so bei den anderen.`,
    plot: 'Abstand von der richtigen Stelle, letzte Minute',
    plotEmpty: 'Die Kurve beginnt, wenn hier Musik spielt.',
    late: (size) => `${size} zu spät`,
    early: (size) => `${size} zu früh`,
    onTime: 'pünktlich',
    doubt: (size) => `plus oder minus ${size}`,
    both: (place, doubt) => `${place}, ${doubt}`,
    ago: 'vor 1 min',
    now: 'jetzt',
    last: 'Zuletzt',
    median: 'Hälfte unter',
    p95: '95 % unter',
    largest: 'Größter',
    trace: 'Aufzeichnung sichern',
    traceHint:
      'Eine Datei zum Mitschicken, wenn du schlechten Gleichlauf meldest. Sie enthält nur Zeitstempel: keine Namen, keine Schlüssel, keine Musik.',
  },

  files: {
    title: 'Musik',
    add: 'Musik hinzufügen',
    slots: (used, all) => `${number(used)} von ${number(all)} von hier geteilt`,
    full: 'Du teilst so viele Lieder, wie deine Einstellungen erlauben. Entferne eines oder füge es auf einem anderen Gerät hinzu.',
    emptyDirector: 'Was sollen wir spielen?',
    emptyDirectorHint: 'Füge ein Lied hinzu oder zieh es hierher. Es bleibt auf euren Geräten.',
    emptyGuest: 'Noch nichts hier',
    emptyGuestHint: 'Füge ein Lied hinzu. Alle erhalten eine Kopie zum Abspielen.',
    drop: 'Loslassen, um es mit allen zu teilen',
    reading: (name) => `${name} wird gelesen`,
    select: 'Wählen:',
    selected: 'Gewählt',
    onAir: 'Läuft',
    next: 'Als Nächstes',
    playNext: (title) => `${title} als Nächstes spielen`,
    move: (title, place, all) => `${title} verschieben, ${number(place)} von ${number(all)}`,
    moveHint: 'Ziehen oder die Pfeiltasten nach oben und unten drücken',
    moveUp: (title) => `${title} nach oben`,
    moveDown: (title) => `${title} nach unten`,
    moved: (place, all) => `Verschoben auf ${number(place)} von ${number(all)}`,
    remove: (title) => `${title} nicht mehr teilen`,
    forget: (title) => `${title} vergessen`,
    whoHas: (title) => `Wer ${title} hat`,
    by: (name) => `von ${name}`,
    fromYou: 'von dir',
    down: (rate) => `${rate} herein`,
    up: (rate) => `${rate} hinaus`,
    peers: (count) => plural(count, { one: '# Verbindung', other: '# Verbindungen' }),
    has: 'Vorhanden',
    canPlay: (percent) => `${percent}, spielbar`,
    hasNot: 'Noch nicht',
    readyHere: 'Hier bereit',
    notHere: 'Noch nicht hier',
    readyOnAll: (all) => (all === 2 ? 'Auf beiden bereit' : `Auf allen ${number(all)} bereit`),
    readyOn: (ready, all) => `Auf ${number(ready)} von ${number(all)} bereit`,
  },

  player: {
    label: 'Player',
    skipTo: 'Zum Player springen',
    news: (state, title) => `${state}: ${title}.`,
    nothing: 'Kein Lied gewählt',
    nothingDirector: 'Wähle oben ein Lied',
    nothingGuest: 'Die Leitung wählt das Lied',
    play: 'Auf allen Geräten spielen',
    pause: 'Auf allen Geräten anhalten',
    resume: 'Auf allen Geräten weiterspielen',
    shuffle: 'Zufällige Reihenfolge',
    back: 'Voriges Lied',
    forward: 'Nächstes Lied',
    repeats: {
      off: 'Wiederholen: aus',
      all: 'Wiederholen: alle Lieder',
      one: 'Wiederholen: dieses Lied',
    },
    next: (title, more) => (more > 0 ? `Danach: ${title}, dann ${number(more)} weitere` : `Danach: ${title}`),
    of: (shown, all) => `${shown} von ${all}`,
    stop: 'Auf allen Geräten beenden',
    position: 'Stelle im Lied',
    showLength: 'Länge statt Restzeit zeigen',
    showLeft: 'Restzeit statt Länge zeigen',
    hereOf: (place, percent) => `${place}, ${percent} des Titels sind hier`,
  },

  speaker: {
    title: 'Dieser Lautsprecher',
    output: 'Ton geht an',
    systemDefault: 'Systemstandard',
    systemDefaultIs: (name) => `Systemstandard (${name})`,
    missing: (id) => `${id} (nicht verbunden)`,
    delay: 'Lautsprecher-Verzögerung',
    delayHint: 'Klingt dieser Lautsprecher zu spät, erhöhe dies, bis das Echo weg ist.',
    lessDelay: (step) => `${step} weniger Verzögerung`,
    moreDelay: (step) => `${step} mehr Verzögerung`,
    latency: (size) => `Das System braucht ${size}; das ist schon berücksichtigt.`,
    timing: 'Zeitwerte',
    place: 'Abstand von der richtigen Stelle',
    correction: 'Tempo-Korrektur',
    clock: 'Uhr, eine Standardabweichung',
    roundTrip: 'Hin und zurück',
    skew: 'Gang der Uhr gegen die Party',
    format: 'Ausgabe',
    rateAndChannels: (rate, channels) =>
      `${number(rate / 1000)} kHz, ${plural(channels, { one: '# Kanal', other: '# Kanäle' })}`,
    jumps: 'Hörbare Sprünge',
    underruns: 'Aussetzer',
    unknown: 'Noch nicht bekannt',
  },

  settings: {
    title: 'Einstellungen',
    close: 'Einstellungen schließen',
    language: 'Sprache',
    systemLanguage: 'Wie im System',
    alias: 'Name dieses Geräts',
    save: 'Sichern',
    filesPerMember: 'Von diesem Gerät geteilte Lieder',
    filesHint: (max) => `1 bis ${number(max)} zugleich.`,
    network: 'Hilfe von außen',
    publicTrackers: 'Öffentliche Tracker nutzen',
    publicTrackersHint:
      'Aus: nichts verlässt die Party. An: drei öffentliche Server erfahren, welche Lieder geteilt werden (als Fingerabdruck, nicht dem Namen nach), und deine Internetadresse. Sie können weit entfernten Geräten helfen, sich zu finden.',
    ice: 'STUN- oder TURN-Server',
    iceHint:
      'Einer je Zeile, für Geräte in verschiedenen Netzen: stun:host oder turn:name:passwort@host. Leer: kein Server wird nach deiner Adresse gefragt.',
    iceBad: 'Jede Zeile ist stun:host oder turn:name:passwort@host',
  },

  log: {
    title: 'Was geschehen ist',
    empty: 'Noch nichts.',
    underruns: (count) => plural(count, { one: '#-mal seit dem Start der App', other: '#-mal seit dem Start der App' }),
  },

  mute: {
    mute: 'Dieses Gerät stummschalten',
    unmute: 'Dieses Gerät wieder hören lassen',
    mutedTitle: 'Dieses Gerät ist stumm',
    mutedBody: 'Die anderen spielen weiter. Wieder laut, ist es sofort an der richtigen Stelle zu hören.',
    lostTitle: 'Das Audiogerät wurde getrennt',
    lostBody:
      'Dieses Gerät ist stumm, damit der Lautsprecher niemanden überrascht. Die Party geht weiter; sobald das Audiogerät wieder steckt, ist es von selbst zu hören.',
    useSpeaker: 'Lautsprecher verwenden',
    useOutput: (name: string) => `${name} verwenden`,
  },

  tray: {
    show: 'Fenster zeigen',
    play: 'Für alle abspielen',
    pause: 'Für alle anhalten',
    leave: 'Party verlassen',
    quit: 'Beenden',
  },

  news: {
    directing: 'Du steuerst jetzt',
    songReady: 'Lied bereit',
    outputLost: 'Audiogerät getrennt',
  },

  help: {
    title: 'Verbindung prüfen',
    close: 'Verbindungsprüfung schließen',
    again: 'Noch einmal prüfen',
    report: 'Partybericht sichern',
    reportHint:
      'Eine Datei für alle, die dir helfen: wie genau jedes Gerät in den letzten zehn Minuten die Zeit hielt, und was geschah. Sie enthält keine Namen, keine Schlüssel und keine Adressen.',
    saved: 'Der Bericht wurde gesichert.',
    failed: 'Der Bericht konnte nicht gesichert werden. Versuche einen anderen Ordner.',
  },

  checks: {
    subjects: {
      relay: 'Die Party erreichen',
      tracker: 'Andere WebTorrent-Programme treffen',
      webrtc: 'Einander Lieder schicken',
      udp: 'Schnelle Zeitsignale',
      multicast: 'Geräte in diesem Netz finden',
      output: 'Ton',
      clock: 'Die Zeit der Party',
    },
    states: {
      running: 'Wird geprüft…',
      works: 'Geht',
      limited: 'Eingeschränkt',
      fails: 'Geht nicht',
      noParty: 'Tritt erst einer Party bei',
    },
    remedies: {
      relay:
        'Das Relay der Party antwortet nicht. Prüfe, ob sein Gerät wach und im selben Netz ist und kein VPN läuft. Musik, die hier ist, spielt im Takt weiter.',
      tracker: 'Andere WebTorrent-Programme können nicht mitmachen. Geräte mit dieser App tauschen Lieder trotzdem.',
      webrtc:
        'Dieses Gerät kann mit anderen keine Lieder tauschen. Aktualisiere die Webansicht des Systems; bis dahin ist Musik der anderen hier nicht zu hören.',
      udp: 'Eine Firewall hält UDP vom Relay fern, die Zeit kommt auf dem langsameren Weg. Erlaube UDP am Port des Relays für genaueren Gleichlauf.',
      multicast:
        'Partys in der Nähe bleiben vielleicht verborgen. Erlaube diese App in der Firewall, meide Gastnetze oder tritt mit Link oder Code bei.',
      output:
        'Hier ist nichts zu hören, oder nicht dort, wo du willst. Stecke das Gerät ein, hebe die Stummschaltung auf oder wähle eine andere Ausgabe.',
      clock: 'Die Zeit der Party ist noch nicht gut genug bekannt. Geh näher ans WLAN oder warte ein paar Sekunden.',
    },
  },

  relayPage: {
    title: 'Hier trifft sich eine Party',
    text: 'Diese Adresse gehört zu einem Relay. Öffne die App, wähle „Über Relay-Adresse beitreten“ und gib ein:',
    demo: 'Die App mit erfundenen Geräten ansehen',
  },

  notices: {
    'bad-key': 'Das ist kein Party-Schlüssel. Gib mindestens ein Zeichen ein, höchstens etwa tausend.',
    'bad-invite': 'Dieser Link ist keine gültige Einladung. Bitte um einen neuen oder gib den Party-Schlüssel ein.',
    'bad-relay-address':
      'Diese Relay-Adresse ist nicht brauchbar. Sie beginnt mit ws:// oder wss://, dann folgt ein Name oder eine Nummer.',
    'relay-unreachable': 'Die Party ist nicht erreichbar. Neue Versuche folgen von selbst; prüfe Adresse und Netzwerk.',
    'relay-lost':
      'Die Verbindung zur Party ist abgebrochen. Vorhandene Musik spielt im Takt weiter; neu verbunden wird von selbst.',
    'relay-refused': 'Die Party hat die letzte Anfrage abgelehnt. Die Musik läuft weiter; versuche es noch einmal.',
    'cannot-host':
      'Auf diesem Gerät ließ sich keine Party starten. Schließe andere Programme, die den Netzwerk-Port nutzen, oder tritt einer Party in der Nähe bei.',
    connected: 'Mit der Party verbunden.',
    'member-joined': 'Ein Gerät ist beigetreten.',
    'member-left': 'Ein Gerät ist gegangen. Die Musik läuft weiter.',
    'director-changed': 'Ein anderes Gerät steuert jetzt die Wiedergabe. Die Musik läuft weiter.',
    'you-direct': 'Du steuerst jetzt die Wiedergabe.',
    'not-director': 'Das kann nur das Gerät, das die Wiedergabe steuert. Übernimm zuerst die Steuerung.',
    'file-added': 'Ein Lied wurde hinzugefügt und wird geteilt.',
    'file-complete': 'Ein Lied ist ganz angekommen und wird auch von hier geteilt.',
    'too-many-files':
      'Kein Platz für ein weiteres Lied. Entferne eines von deinen oder füge es auf einem anderen Gerät hinzu.',
    'file-unreadable':
      'Eine Datei ließ sich nicht lesen. Prüfe, ob sie noch da ist und geöffnet werden darf, und füge sie noch einmal hinzu.',
    'file-empty': 'Eine Datei ist leer, es gibt nichts zu spielen. Wähle eine andere.',
    'file-too-large': 'Eine Datei ist zu groß zum Teilen. Die Grenze liegt bei 4 GB.',
    'file-not-music':
      'Eine Datei enthält keine Musik, die hier spielbar ist. Versuche MP3, M4A, FLAC, OGG, WAV oder AIFF.',
    'file-gone':
      'Eine geteilte Datei wurde verschoben, gelöscht oder geändert. Geräte, die sie haben, spielen weiter; füge sie noch einmal hinzu, um sie von hier zu teilen.',
    'piece-corrupt': 'Ein Teil eines Liedes kam beschädigt an. Er wird neu geholt; du musst nichts tun.',
    'metainfo-mismatch':
      'Ein Lied ist nicht das, was angekündigt war, und wird nicht geholt. Bitte darum, es noch einmal hinzuzufügen.',
    'disk-full':
      'Der Speicher ist voll, Lieder können nicht geholt werden. Vorhandene Musik läuft weiter; schaffe etwas Platz.',
    'storage-fault':
      'Der Datenordner der App ist nicht nutzbar. Vorhandene Musik läuft weiter; prüfe seine Zugriffsrechte und starte neu.',
    'song-damaged': 'Ein Lied endet hier zu früh, weil seine Datei beschädigt ist. Andere Lieder sind nicht betroffen.',
    'output-lost': 'Das Tongerät ist weg. Ein anderes wird versucht; die Party geht weiter.',
    'output-unavailable':
      'Kein Tongerät ließ sich öffnen, daher ist dieses Gerät stumm. Wähle eine andere Ausgabe oder schließe eine an.',
    'output-ready': 'Das Tongerät ist wieder in Betrieb, im Takt mit den anderen.',
    'output-untimed':
      'Diese Ausgabe sagt nicht, wann sie klingt, und kann einige Millisekunden danebenliegen. Die Lautsprecher-Verzögerung kann das ausgleichen.',
    underrun: 'Der Ton setzte kurz aus, weil dieses Gerät beschäftigt war. Er ist wieder an seiner Stelle.',
    'bad-setting': 'Eine Einstellung lag außerhalb ihres Bereichs und wurde nicht geändert.',
    'trace-saved':
      'Eine Aufzeichnung wurde gesichert. Sie enthält nur Zeitstempel: keine Namen, keine Schlüssel, keine Musik.',
    'trace-not-saved':
      'Die Aufzeichnung ließ sich nicht sichern. Die Musik läuft weiter; schaffe Platz oder prüfe den Datenordner der App und versuche es noch einmal.',
    'carrier-changed': 'Ein anderes Gerät trägt jetzt die Party. Die Musik läuft weiter.',
    'you-carry': 'Dieses Gerät trägt jetzt die Party. Die Musik läuft weiter.',
    'window-fault':
      'In diesem Fenster ging etwas schief. Die Musik läuft weiter; starte die App neu, wenn ein Lied nicht ankommt.',
  },

  logLevels: { info: 'Hinweis', warning: 'Warnung', error: 'Störung' },

  links: {
    connecting: 'Verbindet…',
    online: 'Verbunden',
    reconnecting: 'Offline. Spielt vorerst weiter im Takt',
  },

  playbackStates: {
    stopped: 'Bereit',
    waiting: 'Macht sich bereit…',
    armed: 'Beginnt gleich',
    playing: 'Spielt',
    paused: 'Angehalten',
    ended: 'Zu Ende',
    failed: 'Hier nicht spielbar',
  },

  syncStates: { unsynced: 'Ohne Takt', coarse: 'Grob', good: 'Gut', locked: 'Genau' },

  syncMeanings: {
    unsynced: 'Die Zeit der Party ist noch nicht genau genug bekannt, um danach zu spielen.',
    coarse: 'Innerhalb von 5 ms: zwei Lautsprecher in einem Raum klingen noch wie einer.',
    good: 'Innerhalb von 500 µs: genauer, als ein Ohr unterscheiden kann.',
    locked: 'Innerhalb von 100 µs: genauer geht es nicht.',
  },

  syncPaths: { lan: 'LAN', relay: 'Relay' },
}
