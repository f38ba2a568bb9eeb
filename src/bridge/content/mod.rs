//! One document model between the formats of the two vendors.
