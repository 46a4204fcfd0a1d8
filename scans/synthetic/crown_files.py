"""The files of the statistical model of crowns, as they are published: addresses, lengths and checksums.

From SJTUzhou/3D-Teeth-Reconstruction-from-Five-Intra-oral-Images, MIT licence, Copyright (c) 2023 Chen Yizhou.
"""

PAGE = "https://github.com/SJTUzhou/3D-Teeth-Reconstruction-from-Five-Intra-oral-Images"
COMMIT = "4754279119ae871579b31877b2b24a308c73fc6d"
SIZES = {"eigVal": 528, "eigVec": 1_800_128, "meanAlignedPG": 18_128}
OTHER_SIZES = {"Mu_normals.npy": 1_008_128, "PoseCovMats.npy": 8_192, "ScaleCovMat.npy": 6_400}
SHA256 = {
    "Mu_normals.npy": "69259fea10599eae08c4445b6965bbd964192855a57aa7bbbe1e685be2d97db4",
    "PoseCovMats.npy": "166129b21f7cf7adb903d2420e8a3d28254833bca6a5a428e7489bc9ec3c12c1",
    "ScaleCovMat.npy": "bf3564bf2992e2d48282e66ef53c44e9a9c73a88cb79bf9e65dff84f2affff96",
    "eigVal_11.npy": "a7b0da73585ae7322d637ed06ef6dcdbf78a0ababf5143db5cc12d90a41ffcbf",
    "eigVal_12.npy": "245f846f9ba4bdbb411a21a0222dedac229f0699ede693a158e16a0bc4b3c065",
    "eigVal_13.npy": "4f939208b9fa42056ceb38cc12b0959425fdb024eb6084434107fd1a91dc6128",
    "eigVal_14.npy": "f60a42b7a651959de6439b0b785fa608afcc89e1c86dbdd597d88b9cdc039357",
    "eigVal_15.npy": "e04b01d054e3e9082dbec34ef322d46a78bb09dbae2cc3ae8aee840ab3c2f82d",
    "eigVal_16.npy": "70b8cbe40c0c5833e8eecb9af3931256e06a5e73aaeda12c41e7b992464437a2",
    "eigVal_17.npy": "897051dc6d459fdf447338d303ce7d1771ee99e666c3409d80cc277d63108df3",
    "eigVal_21.npy": "f6a9d6f4a112426226d20f3f4ce8a40fc7dcf19e88f9461ed1541f6ada0d841e",
    "eigVal_22.npy": "4997240a19c1060b980a9c855d2bfda1f9c6e1d51bd4addba6e2a2d21ebe37b5",
    "eigVal_23.npy": "8f8124cc52e60a61c46472344caa39ee5066de78f5baa91789ce9a4df9eff9ab",
    "eigVal_24.npy": "228f2de2a3f2b8a4d38e3e518c64fe6d1506a60ee0e60a7fd6ce657f1ef1d26c",
    "eigVal_25.npy": "5e7014648cfd438f947494e692995534f0744acdf9bedfad62dcb8d5932695dc",
    "eigVal_26.npy": "2899fe1cc52f6718aa936c8daef2670c6a19006a00e76e543f2c2a1f34fbb082",
    "eigVal_27.npy": "f8932619ccd18514be74f2dca1a2623faa8704a2f7a2b392403d3460d394ca76",
    "eigVec_11.npy": "a17c5217915bb614f1afdb8f5d4ac6e80e10072a56425676b7e0e2b85f40a67d",
    "eigVec_12.npy": "8937f6b2a6939b6697b90b164242309ee3af024f5420aa1a8f5f3f28b4b9e307",
    "eigVec_13.npy": "01345efb4d1f38d62a77c2834058b7425cd46fa5a3dfb0c3ad59bd15ef8792a6",
    "eigVec_14.npy": "ea87f93d93c88f1389c7387dce47e3240bb9e2f89f9483e63d92a943554f114a",
    "eigVec_15.npy": "3edecb2036da47f2d7547c44ad4a1f2dcc4d8ec664fb0c813ea80c63e2fdd30d",
    "eigVec_16.npy": "a1114518abb11ea8bb99027852654af7a11800742fcc065a3e4879898cce69be",
    "eigVec_17.npy": "677d6760763c2faec83a3a5efde8c05b0926e03020d06fc4ecb45fe3b8d9daa1",
    "eigVec_21.npy": "2a0a147152092ca32fff13f9150192b38170490cf81a545cab73ef86eb2fd664",
    "eigVec_22.npy": "e67f91ea391495d158e1a8798e7ea2622c501669a946ccbb0ba81113acf304a6",
    "eigVec_23.npy": "7646f8456529cdc6beec0d14e3ba5dadbc617540ae08b0f71f92ff08071fbaa1",
    "eigVec_24.npy": "aaf32ffa8e756e51bee695977035fe0bc0216a51227fed1484f86564f508a213",
    "eigVec_25.npy": "7aac592775af6d733b1f36d360ef8a6426806abc4669056358639edafdb3017d",
    "eigVec_26.npy": "83b5d463c2441026dea8c81fc951c8fa043b8ec3f6fa008fbcd32e54d7fc07d1",
    "eigVec_27.npy": "402a501f349ca59b9d4edcb21be1e6644df5216d21fcd0b4e942a4fcfd35080c",
    "meanAlignedPG_11.npy": "8221d534703c258b3efe2af8cf63aac69691df3fe30fd4bf0ce964bd0fa11b26",
    "meanAlignedPG_12.npy": "ff44f5c4cd8c01f6b97c9bfd9167a5d38379ef865753f5a210050e1f3d13ec0e",
    "meanAlignedPG_13.npy": "ed553efe7c7dff1acb6a4641388256cca2dc8a37dfd2ff0b805ed4f412bc4a90",
    "meanAlignedPG_14.npy": "f468e6c7488d0931fc7791e863560208f17fcfc7ba4ea30d7efe9ac7fd9bd02c",
    "meanAlignedPG_15.npy": "94a25002674d122ae707c8d66cd43c1dfbda70ed5cf2bcc1811883beee23caf7",
    "meanAlignedPG_16.npy": "e678cb63769a3493f7dd665c26f85993df601f1526c347959f72a7b9d00f3569",
    "meanAlignedPG_17.npy": "c9ca0866ad748282ffd46af78c3e33a149c248995b6586273ea4a6b4feaf12e7",
    "meanAlignedPG_21.npy": "b61f10ff1a5e71f40610698273bce05ea449808bd90a30139583a3c903d2fc89",
    "meanAlignedPG_22.npy": "d99c5e816794cc8ec4d1ea5c2ca79baa5ebddce8d64ba47dbdf2e1d7698c364f",
    "meanAlignedPG_23.npy": "0e5813cfee7fe6fc2c9aa0fd30e11f82e6d8d03cdb9797a2a9c193c6082a1cc1",
    "meanAlignedPG_24.npy": "63a5c798674a6dd4810e1f4ec9acbc8f2aeff19fb3d45c0a97d2e5127b271581",
    "meanAlignedPG_25.npy": "b659775bc6de541a55738263a5b2d016b66dd5b35f272469301e0fb2e473ba0b",
    "meanAlignedPG_26.npy": "db32b232c7fe8b057a35fad500caea2e0ec3b3fa9c9376f93c04329e26dc3840",
    "meanAlignedPG_27.npy": "cee1ab591aabe69232a20e161f85c075c6c6a6a99dd6d0f054f99031e3366849",
}


def folder(name: str) -> str:
    """The folder of `PAGE` at `COMMIT` that holds a file."""
    return "ssm/cpdGpParams" if name.endswith(("CovMats.npy", "CovMat.npy")) else "ssm/eigValVec"


def size(name: str) -> int:
    """The length of a file in bytes."""
    return OTHER_SIZES.get(name) or SIZES[name.partition("_")[0]]
