//! Who may claim in a world, and who may build in a location.

/// Who may claim a location, as the creator rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Claimants {
    /// Every account.
    Everybody = 0,
    /// Accounts that the creator has put on the list, and the creator.
    Listed = 1,
    /// The creator alone.
    Creator = 2,
}

impl Claimants {
    /// The highest number that means something.
    pub const MAX: u8 = Claimants::Creator as u8;

    /// From the ABI's number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Claimants::Everybody, Claimants::Listed, Claimants::Creator].into_iter().find(|rule| *rule as u8 == number)
    }

    /// Whether an account may claim: is it the creator, and is it on the list?
    pub fn admit(self, is_creator: bool, is_listed: bool) -> bool {
        match self {
            Claimants::Everybody => true,
            Claimants::Listed => is_listed || is_creator,
            Claimants::Creator => is_creator,
        }
    }
}

/// Who may build in a claimed location, as its owner says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Build {
    /// The owner alone.
    Owner = 0,
    /// The owner and the guests.
    Guests = 1,
    /// Everybody.
    Everybody = 2,
}

impl Build {
    /// From the ABI's number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Build::Owner, Build::Guests, Build::Everybody].into_iter().find(|rule| *rule as u8 == number)
    }
}
