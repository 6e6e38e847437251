//! The factors of the grid and their levels, as configs and facets spell them.

use serde::{Deserialize, Serialize};

macro_rules! factor {
    ($(#[$doc:meta])* $name:ident { $($(#[$level_doc:meta])* $level:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$level_doc])* #[serde(rename = $word)] $level),+
        }

        impl $name {
            /// All levels, in order.
            pub const ALL: &'static [$name] = &[$($name::$level),+];

            /// The level as configs and facets spell it.
            pub fn word(self) -> &'static str {
                match self { $($name::$level => $word),+ }
            }
        }
    };
}

factor! {
    /// One slice or a stack of slices.
    Dim {
        /// One slice.
        Slice = "2d",
        /// A stack of slices, as frames in order.
        Stack = "3d",
    }
}

factor! {
    /// How structures are shown on the picture.
    Visual {
        /// Not at all.
        None = "none",
        /// Coloured overlay.
        Mask = "mask",
        /// Rectangle.
        Box = "box",
        /// Dot at the centroid.
        Point = "point",
    }
}

factor! {
    /// What tells marks apart.
    Identity {
        /// There are no marks.
        None = "none",
        /// A unique colour.
        Colour = "colour",
        /// A letter A-F.
        Letter = "letter",
        /// Colour and letter.
        Both = "both",
    }
}

factor! {
    /// How the text refers to structures.
    TextPrompt {
        /// It does not.
        None = "none",
        /// By name.
        Name = "name",
        /// By mark.
        Mark = "mark",
        /// By name and mark.
        NameAndMark = "name+mark",
    }
}

factor! {
    /// What is asked for.
    Target {
        /// The name of a structure.
        Name = "name",
        /// The label of a mark.
        Label = "label",
        /// A relation in the patient's body.
        Anatomical = "anatomical",
        /// A relation on the picture.
        Colloquial = "colloquial",
        /// A relation in the order of frames.
        Frame = "frame",
        /// The plane of the slices.
        SliceDirection = "slice_direction",
    }
}

factor! {
    /// Form of the question.
    QuestionType {
        /// One of several answers.
        Open = "open",
        /// A true statement.
        Closed = "closed",
        /// The same statement turned round: false.
        Inverted = "inverted",
    }
}

factor! {
    /// Terminology of directions.
    Words {
        /// No direction is named.
        None = "none",
        /// Anatomical: superior, patient's left.
        Anat = "anat",
        /// Colloquial: above, image left.
        Coll = "coll",
        /// Order of frames: earlier, later.
        Frame = "frame",
    }
}

factor! {
    /// What is taken away.
    Ablation {
        /// Nothing.
        None = "none",
        /// The picture: text alone.
        TextOnly = "text_only",
        /// The scan: marks on a white page.
        MarksOnWhite = "marks_on_white",
    }
}

factor! {
    /// How much the prompt says of the view.
    ViewStatement {
        /// Name of the display and what its four edges mean.
        Edges = "edges",
        /// Name of the display alone.
        Convention = "convention",
        /// Nothing.
        None = "none",
    }
}

factor! {
    /// Rule that draws the structures of a template and works out its answer.
    Asks {
        /// The relation of A to B along one axis.
        Relation = "relation",
        /// The direction in which A is displaced the most from B.
        Dominant = "dominant",
        /// Which structure a mark belongs to.
        NameOfMark = "name_of_mark",
        /// Which of two names lies farther.
        NameFarther = "name_farther",
        /// Which mark belongs to a structure.
        MarkOfName = "mark_of_name",
        /// Which of two marks lies farther.
        MarkFarther = "mark_farther",
        /// Which of all marks lies farthest.
        MarkFarthest = "mark_farthest",
        /// The plane of the slices.
        Plane = "plane",
    }
}

impl Asks {
    /// What is asked for, given the terminology.
    pub fn target(self, words: Words) -> Target {
        match self {
            Self::Relation | Self::Dominant => match words {
                Words::Anat => Target::Anatomical,
                Words::Frame => Target::Frame,
                Words::Coll | Words::None => Target::Colloquial,
            },
            Self::NameOfMark | Self::NameFarther => Target::Name,
            Self::MarkOfName | Self::MarkFarther | Self::MarkFarthest => Target::Label,
            Self::Plane => Target::SliceDirection,
        }
    }

    /// Whether the question compares centres.
    pub fn compares(self) -> bool {
        !matches!(self, Self::NameOfMark | Self::MarkOfName | Self::Plane)
    }
}
