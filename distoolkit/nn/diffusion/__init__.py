"""What diffusion models have in common, for methods that build on one.

================  =================================================================================================
`settings`        the settings that every such method has; free of torch
`schedule`        beta_t and what follows from it
`unet`            the network that predicts noise, open to a second decoder, a vector and tokens
`space`           what is diffused: pictures, or the latent maps of a first stage
`autoencoder`     that first stage
`sampling`        DDPM and DDIM walks, and inversion
`encoders`        pictures to flat codes
`stages`          training: the first stage, warm-up, and a guard over what is frozen
`averaging`       the moving average of weights
`losses`          distances of a predicted noise from the true one
`precision`       half precision for a part
================  =================================================================================================

Import from the modules; nothing is loaded here.
"""
