//! Why this device is silent although others play: somebody wants it, or the output in use went
//! away and another one took its place. No loudspeaker is to surprise a room because a plug
//! was pulled.

use protocol::host::Muted;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Silence {
    is_wished: bool,
    /// The output that went away, until it is back or somebody decides.
    lost: Option<String>,
    is_substituted: bool,
}

impl Silence {
    /// Why nothing is to be heard; none if it is.
    pub(super) fn reason(&self) -> Option<Muted> {
        self.reason_if(self.is_substituted)
    }

    /// The same for an output that may be opened next.
    pub(super) fn reason_on(&self, id: &str) -> Option<Muted> {
        self.reason_if(self.is_substitute(id))
    }

    fn is_substitute(&self, id: &str) -> bool {
        self.lost.as_deref().is_some_and(|lost| lost != id)
    }

    fn reason_if(&self, is_substituted: bool) -> Option<Muted> {
        match (is_substituted, self.is_wished) {
            (true, _) => Some(Muted::OutputLost),
            (false, true) => Some(Muted::ByPerson),
            (false, false) => None,
        }
    }

    /// A person decides. To be heard, they take whatever output there is.
    pub(super) fn wish(&mut self, muted: bool) {
        self.is_wished = muted;
        if !muted {
            self.output_chosen();
        }
    }

    /// Whatever opens next is what a person asked for.
    pub(super) fn output_chosen(&mut self) {
        self.lost = None;
        self.is_substituted = false;
    }

    /// The output in use is gone. That of a substitute changes nothing: the first one is missed.
    pub(super) fn output_lost(&mut self, id: &str) {
        self.lost.get_or_insert_with(|| id.to_owned());
    }

    /// An output is in use, the one that was lost or another one.
    pub(super) fn output_opened(&mut self, id: &str) {
        self.is_substituted = self.is_substitute(id);
        if !self.is_substituted {
            self.lost = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitute_for_headphones_stays_silent_until_they_are_back() {
        let mut silence = Silence::default();
        silence.output_opened("headphones");
        silence.output_lost("headphones");
        assert_eq!(silence.reason_on("speaker"), Some(Muted::OutputLost), "from the first frame");
        silence.output_opened("speaker");
        assert_eq!(silence.reason(), Some(Muted::OutputLost));
        silence.output_lost("speaker");
        silence.output_opened("hdmi");
        assert_eq!(silence.reason(), Some(Muted::OutputLost), "a substitute's substitute");
        silence.output_opened("headphones");
        assert_eq!(silence.reason(), None);
        silence.output_opened("speaker");
        assert_eq!(silence.reason(), None, "nothing is missed any more");
    }

    #[test]
    fn a_card_that_comes_back_by_itself_is_heard() {
        let mut silence = Silence::default();
        silence.output_lost("dac");
        assert_eq!(silence.reason(), None, "there is no output, so nothing can be heard");
        silence.output_opened("dac");
        assert_eq!(silence.reason(), None);
    }

    #[test]
    fn a_person_decides_over_a_substitute() {
        for decides in [|silence: &mut Silence| silence.wish(false), Silence::output_chosen] {
            let mut silence = Silence::default();
            silence.output_lost("headphones");
            silence.output_opened("speaker");
            decides(&mut silence);
            assert_eq!(silence.reason(), None);
            silence.output_opened("speaker");
            assert_eq!(silence.reason(), None, "the decision stays");
        }
    }

    #[test]
    fn a_wish_for_silence_outlives_every_change_of_output() {
        let mut silence = Silence::default();
        silence.wish(true);
        silence.output_lost("headphones");
        silence.output_opened("speaker");
        silence.output_chosen();
        silence.output_opened("hdmi");
        assert_eq!(silence.reason(), Some(Muted::ByPerson));
    }
}
