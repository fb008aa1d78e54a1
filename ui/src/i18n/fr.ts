/** Every word the window says, in French. Spaces before : ; ? and inside « » do not break. */
import type { Catalogue } from './en'
import { number } from './format'
import { pluralIn } from './plural'

const plural = pluralIn('fr')

export const fr: Catalogue = {
  appName: 'Synced Swarm Audio',
  starting: 'Démarrage…',
  fact: (text) => text,

  join: {
    tagline: 'Un morceau, tous les appareils, le même instant.',
    startTitle: 'Lancer une fête',
    newKey: 'Clé de votre fête',
    newKeyEmpty: 'Les mots que vous voulez, ou appuyez sur « Autres mots ».',
    otherWords: 'Autres mots',
    start: 'Lancer une fête ici',
    startHint:
      'Cet appareil accueille la fête. Les autres appareils du réseau le trouvent d’eux-mêmes ; il leur faut la clé ou votre invitation.',
    joinTitle: 'Rejoindre une fête',
    key: 'Clé de la fête',
    keyHint:
      'Saisissez les mots ou collez un lien d’invitation. Majuscules, espaces et traits d’union ne comptent pas.',
    keyMissing: 'Saisissez d’abord une clé.',
    join: 'Rejoindre',
    nearby: 'Fêtes à proximité',
    nearbyEmpty:
      'Aucune fête à proximité. Lancez-en une ici, ou vérifiez que les deux appareils sont sur le même Wi-Fi.',
    joinNearby: 'Rejoindre la fête sur',
    recent: 'Fêtes récentes',
    joinAgain: 'Rejoindre de nouveau :',
    startAgain: 'Relancer ici :',
    startShort: 'Lancer',
    wasHere: 'sur cet appareil',
    forget: (name) => `Oublier ${name} et sa clé`,
    more: 'Rejoindre par adresse de relais',
    relay: 'Adresse du relais',
    relayHint: 'Pour un relais situé ailleurs. Commence par ws:// ou wss://',
    relayBad: 'L’adresse commence par ws:// ou wss://',
    joinRelay: 'Rejoindre par adresse',
    you: 'Vous êtes',
    change: 'Changer de nom',
  },

  keys: {
    show: 'Montrer la clé',
    hide: 'Masquer la clé',
    of: (name) => `de ${name}`,
  },

  keyStrengths: {
    weak: 'Facile à deviner pour qui gère le relais. Suffit entre amis sur votre propre réseau ; sinon, ajoutez des mots.',
    fair: 'Difficile à deviner. Un ou deux mots de plus la mettent à l’abri de tous.',
    strong: 'Personne ne peut deviner cette clé.',
  },

  invite: {
    open: 'Inviter',
    title: (name) => `Inviter à ${name}`,
    close: 'Fermer l’invitation',
    code: 'Code QR de l’invitation',
    scan: 'Scannez-le avec un téléphone, puis ouvrez le lien ou collez-le dans l’app.',
    tooLong: 'Cette clé est trop longue pour un code lisible par un téléphone. Envoyez plutôt le lien.',
    link: 'Lien d’invitation',
    copyLink: 'Copier le lien',
    secret:
      'Qui a le code, le lien ou la clé peut rejoindre la fête. Le lien passe d’appareil en appareil comme vous l’envoyez ; l’ouvrir ne révèle la clé à aucun serveur.',
  },

  invitation: {
    title: (name) => `Rejoindre ${name} ?`,
    close: 'Fermer sans rejoindre',
    meetsAt: 'Lieu de rencontre',
    nearby: 'Ce réseau',
    leaves: (name) => `En rejoignant, vous quittez ${name}.`,
    accept: 'Rejoindre cette fête',
    dismiss: 'Pas maintenant',
  },

  room: {
    party: 'Fête',
    key: 'Clé de la fête',
    copyKey: 'Copier la clé',
    copied: 'Copié',
    notCopied: 'Copie impossible : sélectionnez le texte',
    leave: 'Quitter',
    settings: 'Réglages',
    devices: (count) => plural(count, { one: '# appareil', many: '# d’appareils', other: '# appareils' }),
    devicesTitle: 'Appareils',
    unnamed: (id) => `Appareil ${id}`,
    director: 'Aux commandes',
    you: 'Cet appareil',
    carries: 'Porte la fête',
    directing: 'Vous contrôlez la lecture',
    directedBy: (name) => `${name} contrôle la lecture`,
    undirected: 'Personne ne contrôle la lecture',
    take: 'Prendre le contrôle',
    resign: 'Passer la main',
    invite: 'On peut aussi vous rejoindre à',
    alone:
      'Seul cet appareil est là. Appuyez sur « Inviter », ou ouvrez l’app sur un autre appareil et saisissez la même clé.',
  },

  clock: {
    synced: (state, spread) => `${state} ${spread}`,
    settling: 'Réglage de l’horloge…',
    label: 'Horloge',
  },

  sync: {
    title: 'Synchro de cet appareil',
    label: 'Synchro',
    unknown: 'Pas encore connue',
    measured: 'mesurée',
    estimated: 'estimée',
    explain:
      'Mesurée : ce que dit la carte son, comparé à la place dans le morceau. Estimée : rien n’y est joué, seule l’horloge est connue. Après ± figure un écart type.',
    leads: 'Horloge de la pièce',
    rate: (ppm) => `carte son ${ppm}`,
    ppm: (figure) => `${figure} ppm`,
    jumps: (count) => plural(count, { one: '# saut', many: '# de sauts', other: '# sauts' }),
    asymmetry: (size) =>
      `Deux façons de connaître l’heure diffèrent de ${size}. Cet appareil suit l’heure de la pièce et reste ainsi avec les autres.`,
    plot: 'Écart avec sa place, dernière minute',
    plotEmpty: 'La courbe commence quand de la musique est jouée ici.',
    late: (size) => `${size} de retard`,
    early: (size) => `${size} d’avance`,
    onTime: 'à l’heure',
    doubt: (size) => `à ${size} près`,
    both: (place, doubt) => `${place}, ${doubt}`,
    ago: 'il y a 1 min',
    now: 'maintenant',
    last: 'Dernier',
    median: 'Moitié sous',
    p95: '95 % sous',
    largest: 'Maximum',
    trace: 'Enregistrer une trace',
    traceHint:
      'Un fichier à joindre si vous signalez une mauvaise synchro. Il ne contient que des instants : ni noms, ni clés, ni musique.',
  },

  files: {
    title: 'Musique',
    add: 'Ajouter',
    slots: (used, all) => `${number(used)} sur ${number(all)} partagés d’ici`,
    full: 'Vous partagez autant de morceaux que vos réglages le permettent. Retirez-en un, ou ajoutez-le depuis un autre appareil.',
    emptyDirector: 'Que voulons-nous écouter ?',
    emptyDirectorHint: 'Ajoutez un morceau ou déposez-le ici. Il reste sur vos appareils.',
    emptyGuest: 'Encore rien ici',
    emptyGuestHint: 'Ajoutez un morceau. Tout le monde en recevra une copie.',
    drop: 'Déposez pour partager avec tous',
    reading: (name) => `Lecture de ${name}`,
    select: 'Choisir',
    selected: 'Choisi',
    onAir: 'À l’écoute',
    next: 'Suivant',
    playNext: (title) => `Jouer ${title} ensuite`,
    move: (title, place, all) => `Déplacer ${title}, ${number(place)} sur ${number(all)}`,
    moveHint: 'Faites glisser, ou appuyez sur les flèches haut et bas',
    moveUp: (title) => `Monter ${title}`,
    moveDown: (title) => `Descendre ${title}`,
    moved: (place, all) => `Déplacé à la place ${number(place)} sur ${number(all)}`,
    remove: (title) => `Ne plus partager ${title}`,
    forget: (title) => `Oublier ${title}`,
    whoHas: (title) => `Qui a ${title}`,
    by: (name) => `de ${name}`,
    fromYou: 'de vous',
    down: (rate) => `${rate} reçus`,
    up: (rate) => `${rate} envoyés`,
    peers: (count) => plural(count, { one: '# connexion', many: '# de connexions', other: '# connexions' }),
    has: 'Complet',
    canPlay: (percent) => `${percent}, jouable`,
    hasNot: 'Pas encore',
    readyHere: 'Prêt ici',
    notHere: 'Pas encore ici',
    readyOnAll: (all) => (all === 2 ? 'Prêt sur les deux' : `Prêt sur les ${number(all)}`),
    readyOn: (ready, all) => `Prêt sur ${number(ready)} des ${number(all)}`,
  },

  player: {
    label: 'Lecteur',
    skipTo: 'Aller au lecteur',
    news: (state, title) => `${state} : ${title}.`,
    nothing: 'Aucun morceau choisi',
    nothingDirector: 'Choisissez un morceau ci-dessus',
    nothingGuest: 'L’appareil aux commandes choisit le morceau',
    play: 'Jouer sur tous les appareils',
    pause: 'Pause sur tous les appareils',
    resume: 'Reprendre sur tous les appareils',
    shuffle: 'Ordre aléatoire',
    back: 'Morceau précédent',
    forward: 'Morceau suivant',
    repeats: {
      off: 'Répéter : non',
      all: 'Répéter : tous les morceaux',
      one: 'Répéter : ce morceau',
    },
    next: (title, more) =>
      more > 0
        ? `Ensuite : ${title}, puis ${plural(more, { one: '# autre', many: '# d’autres', other: '# autres' })}`
        : `Ensuite : ${title}`,
    of: (shown, all) => `${shown} sur ${all}`,
    stop: 'Arrêter sur tous les appareils',
    position: 'Position',
    showLength: 'Afficher la durée au lieu du temps restant',
    showLeft: 'Afficher le temps restant au lieu de la durée',
    hereOf: (place, percent) => `${place}, ${percent} du morceau est ici`,
  },

  speaker: {
    title: 'Cette enceinte',
    output: 'Le son va vers',
    systemDefault: 'Sortie du système',
    systemDefaultIs: (name) => `Sortie du système (${name})`,
    missing: (id) => `${id} (non connecté)`,
    delay: 'Délai de l’enceinte',
    delayHint: 'Si cette enceinte semble en retard, augmentez jusqu’à ce que l’écho disparaisse.',
    lessDelay: (step) => `${step} de délai en moins`,
    moreDelay: (step) => `${step} de délai en plus`,
    latency: (size) => `Le système ajoute ${size}, déjà pris en compte.`,
    timing: 'Mesures de temps',
    place: 'Écart avec sa place',
    correction: 'Correction de vitesse',
    clock: 'Horloge, un écart type',
    roundTrip: 'Aller-retour',
    skew: 'Dérive par rapport à la fête',
    format: 'Sortie',
    rateAndChannels: (rate, channels) =>
      `${number(rate / 1000)} kHz, ${plural(channels, { one: '# canal', many: '# de canaux', other: '# canaux' })}`,
    jumps: 'Sauts audibles',
    underruns: 'Coupures du son',
    unknown: 'Pas encore connu',
  },

  settings: {
    title: 'Réglages',
    close: 'Fermer les réglages',
    language: 'Langue',
    systemLanguage: 'Celle du système',
    alias: 'Nom de cet appareil',
    save: 'Enregistrer',
    filesPerMember: 'Morceaux partagés depuis cet appareil',
    filesHint: (max) => `De 1 à ${number(max)} à la fois.`,
    network: 'Aide extérieure',
    publicTrackers: 'Utiliser des trackers publics',
    publicTrackersHint:
      'Désactivé : rien ne sort de la fête. Activé : trois serveurs publics apprennent quels morceaux sont partagés (par empreinte, pas par nom) et votre adresse Internet. Ils peuvent aider des appareils éloignés à se trouver.',
    ice: 'Serveurs STUN ou TURN',
    iceHint:
      'Un par ligne, pour des appareils sur des réseaux différents : stun:hôte ou turn:nom:motdepasse@hôte. Vide : votre adresse n’est demandée à aucun serveur.',
    iceBad: 'Chaque ligne est stun:hôte ou turn:nom:motdepasse@hôte',
  },

  log: {
    title: 'Ce qui s’est passé',
    empty: 'Encore rien.',
    underruns: (count) =>
      plural(count, {
        one: '# fois depuis l’ouverture de l’app',
        many: '# de fois depuis l’ouverture de l’app',
        other: '# fois depuis l’ouverture de l’app',
      }),
  },

  mute: {
    mute: 'Couper le son de cet appareil',
    unmute: 'Rétablir le son de cet appareil',
    mutedTitle: 'Le son de cet appareil est coupé',
    mutedBody: 'Les autres continuent. Une fois rétabli, le son reprend aussitôt au bon endroit.',
    lostTitle: 'Le périphérique audio a été débranché',
    lostBody:
      'Le son est coupé pour que le haut-parleur ne vous surprenne pas. La fête continue ; rebranchez le périphérique et le son revient tout seul.',
    useSpeaker: 'Utiliser le haut-parleur',
    useOutput: (name: string) => `Utiliser ${name}`,
  },

  tray: {
    show: 'Afficher la fenêtre',
    play: 'Lire pour tous',
    pause: 'Mettre en pause pour tous',
    leave: 'Quitter la fête',
    quit: 'Fermer l’application',
  },

  news: {
    directing: 'Vous dirigez maintenant',
    songReady: 'Morceau prêt',
    outputLost: 'Périphérique audio débranché',
  },

  help: {
    title: 'Vérifier la connexion',
    close: 'Fermer la vérification',
    again: 'Vérifier à nouveau',
    report: 'Enregistrer le rapport de la fête',
    reportHint:
      'Un fichier pour qui vous aide : la précision de chaque appareil pendant les dix dernières minutes, et ce qui s’est passé. Il ne contient ni noms, ni clés, ni adresses.',
    saved: 'Le rapport a été enregistré.',
    failed: 'Le rapport n’a pas pu être enregistré. Essayez un autre dossier.',
  },

  checks: {
    subjects: {
      relay: 'Joindre la fête',
      tracker: 'Rencontrer d’autres programmes WebTorrent',
      webrtc: 'S’envoyer des morceaux',
      udp: 'Signaux horaires rapides',
      multicast: 'Trouver les appareils de ce réseau',
      output: 'Son',
      clock: 'L’heure de la fête',
    },
    states: {
      running: 'Vérification…',
      works: 'Fonctionne',
      limited: 'Limité',
      fails: 'Ne fonctionne pas',
      noParty: 'Rejoignez d’abord une fête',
    },
    remedies: {
      relay:
        'Le relais de la fête ne répond pas. Vérifiez que son appareil est éveillé et sur le même réseau, et qu’aucun VPN n’est actif. La musique déjà là continue en rythme.',
      tracker:
        'D’autres programmes WebTorrent ne peuvent pas participer. Les appareils avec cette application échangent quand même leurs morceaux.',
      webrtc:
        'Cet appareil ne peut pas échanger de morceaux. Mettez à jour la vue web du système ; d’ici là, la musique des autres ne peut pas être lue ici.',
      udp: 'Un pare-feu bloque l’UDP vers le relais, l’heure arrive donc par la voie lente. Autorisez l’UDP sur le port du relais pour une meilleure synchronisation.',
      multicast:
        'Les fêtes proches peuvent rester cachées. Autorisez cette application dans le pare-feu, quittez les réseaux invités, ou entrez par un lien ou un code.',
      output:
        'Rien ne s’entend ici, ou pas là où vous le voulez. Branchez le périphérique, rétablissez le son ou choisissez une autre sortie.',
      clock: 'L’heure de la fête n’est pas assez bien connue. Rapprochez-vous du Wi-Fi ou attendez quelques secondes.',
    },
  },

  relayPage: {
    title: 'Une fête se retrouve ici',
    text: 'Cette adresse est celle d’un relais. Ouvrez l’app, choisissez « Rejoindre par adresse de relais » et saisissez :',
    demo: 'Voir l’app avec des appareils fictifs',
  },

  notices: {
    'bad-key': 'Ce n’est pas une clé de fête. Saisissez au moins un caractère, et mille environ au plus.',
    'bad-invite': 'Ce lien n’est pas une invitation utilisable. Demandez-en un autre, ou saisissez la clé de la fête.',
    'bad-relay-address':
      'Cette adresse de relais est inutilisable. Elle commence par ws:// ou wss://, puis un nom ou un numéro.',
    'relay-unreachable': 'La fête est injoignable. Nouvel essai automatique ; vérifiez l’adresse et le réseau.',
    'relay-lost': 'La connexion à la fête est coupée. La musique déjà là continue en rythme ; reconnexion automatique.',
    'relay-refused': 'La fête a refusé la dernière demande. La musique continue ; réessayez.',
    'cannot-host':
      'Impossible de lancer une fête sur cet appareil. Fermez les programmes qui utilisent le port réseau, ou rejoignez une fête à proximité.',
    connected: 'Connecté à la fête.',
    'member-joined': 'Un appareil est arrivé.',
    'member-left': 'Un appareil est parti. La musique continue.',
    'director-changed': 'Un autre appareil contrôle maintenant la lecture. La musique continue.',
    'you-direct': 'Vous contrôlez maintenant la lecture.',
    'not-director': 'Seul l’appareil qui contrôle la lecture peut le faire. Prenez d’abord le contrôle.',
    'file-added': 'Un morceau a été ajouté et il est partagé.',
    'file-complete': 'Un morceau est arrivé en entier ; il est aussi partagé d’ici.',
    'too-many-files': 'Plus de place pour un morceau. Retirez un des vôtres, ou ajoutez-le depuis un autre appareil.',
    'file-unreadable':
      'Un fichier n’a pas pu être lu. Vérifiez qu’il est toujours là et accessible, puis ajoutez-le de nouveau.',
    'file-empty': 'Un fichier est vide : il n’y a rien à jouer. Choisissez-en un autre.',
    'file-too-large': 'Un fichier est trop gros pour être partagé. La limite est de 4 Go.',
    'file-not-music': 'Un fichier ne contient pas de musique jouable ici. Essayez MP3, M4A, FLAC, OGG, WAV ou AIFF.',
    'file-gone':
      'Un fichier partagé a été déplacé, supprimé ou modifié. Les appareils qui l’ont continuent ; ajoutez-le de nouveau pour le partager d’ici.',
    'piece-corrupt': 'Une partie d’un morceau est arrivée abîmée. Elle est redemandée ; rien à faire.',
    'metainfo-mismatch':
      'Un morceau n’est pas celui qui était annoncé, il n’est donc pas téléchargé. Demandez qu’on l’ajoute de nouveau.',
    'disk-full':
      'Le disque est plein, les morceaux ne peuvent pas arriver. La musique déjà là continue ; libérez de la place.',
    'storage-fault':
      'Le dossier de données de l’app est inutilisable. La musique déjà là continue ; vérifiez ses droits d’accès et relancez.',
    'song-damaged': 'Un morceau finit trop tôt ici car son fichier est abîmé. Les autres morceaux ne sont pas touchés.',
    'output-lost': 'L’appareil audio a disparu. Essai d’un autre ; la fête continue.',
    'output-unavailable':
      'Aucun appareil audio ne s’ouvre, celui-ci est donc muet. Choisissez une autre sortie ou branchez-en une.',
    'output-ready': 'L’appareil audio sert de nouveau, en rythme avec les autres.',
    'output-untimed':
      'Cette sortie ne dit pas quand elle sonne ; elle peut être décalée de quelques millisecondes. Le délai de l’enceinte peut compenser.',
    underrun: 'Le son s’est coupé un instant, car cet appareil était occupé. Il a repris sa place.',
    'bad-setting': 'Un réglage était hors limites et n’a pas été changé.',
    'trace-saved': 'Une trace a été enregistrée. Elle ne contient que des instants : ni noms, ni clés, ni musique.',
    'trace-not-saved':
      'La trace n’a pas pu être enregistrée. La musique continue ; libérez de la place ou vérifiez le dossier de données de l’app, puis réessayez.',
    'carrier-changed': 'Un autre appareil porte maintenant la fête. La musique continue.',
    'you-carry': 'Cet appareil porte maintenant la fête. La musique continue.',
    'window-fault':
      'Un problème est survenu dans cette fenêtre. La musique continue ; relancez l’app si un morceau n’arrive pas.',
  },

  logLevels: { info: 'Note', warning: 'Attention', error: 'Panne' },

  links: {
    connecting: 'Connexion…',
    online: 'Connecté',
    reconnecting: 'Hors ligne. Toujours en rythme, pour l’instant',
  },

  playbackStates: {
    stopped: 'Prêt',
    waiting: 'Préparation…',
    armed: 'Sur le point de commencer',
    playing: 'En lecture',
    paused: 'En pause',
    ended: 'Terminé',
    failed: 'Non lisible ici',
  },

  syncStates: { unsynced: 'Pas de synchro', coarse: 'Approximative', good: 'Bonne', locked: 'Parfaite' },

  syncMeanings: {
    unsynced: 'L’heure de la fête n’est pas encore assez bien connue pour jouer.',
    coarse: 'À moins de 5 ms : deux enceintes dans une pièce semblent encore n’en faire qu’une.',
    good: 'À moins de 500 µs : plus fin que ce qu’une oreille distingue.',
    locked: 'À moins de 100 µs : on ne fait pas mieux.',
  },

  syncPaths: { lan: 'LAN', relay: 'Relais' },
}
